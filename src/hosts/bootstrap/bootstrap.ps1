#Requires -RunAsAdministrator
#Requires -Version 5.1
#@HEADER
[CmdletBinding()]
param(
    # Show every step instead of doing it.
    [switch]$DryRun,
    # The activation, when the store does not tell it.
    [string]$ActivationId = $env:ACTIVATION_ID,
    # A file with the activation code, in place of where the manifest keeps it.
    [string]$CodeFile,
    # Seconds to wait for the agent.
    [int]$Wait = 300
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

#@FACTS

$InstallerUrl = 'https://amazon-ecs-agent.s3.amazonaws.com/ecs-anywhere-install.ps1'
$AgentUrl = 'http://localhost:51678/v1/metadata'
if (-not $ActivationId) { $ActivationId = $KnownActivationId }

function Stop-Here {
    param([string]$Message, [string]$Help = '')
    if ($DryRun) {
        Write-Output "note: a real run stops here: $Message"
        return
    }
    throw "$Message $Help"
}

# The cluster that a running agent belongs to.
function Get-AgentCluster {
    try {
        $answer = Invoke-RestMethod -Uri $AgentUrl -TimeoutSec 5
        if ($answer.ContainerInstanceArn) { return $answer.Cluster }
    } catch {
        Write-Verbose 'no agent answers'
    }
    return ''
}

function Test-ThisHost {
    $build = [string][Environment]::OSVersion.Version.Build
    if ($SystemBuild -and $build -ne $SystemBuild) {
        Stop-Here "this script was written for $SystemName, and the host has build $build." 'Change operatingSystem in the manifest.'
    }
    if (-not [Environment]::Is64BitOperatingSystem) {
        Stop-Here 'ECS Anywhere needs Windows of 64 bits.'
    }
    foreach ($file in @("$env:USERPROFILE\.aws\credentials", "$env:SystemRoot\System32\config\systemprofile\.aws\credentials")) {
        if (Test-Path -Path $file) {
            Stop-Here "there is $file, and credentials of the host's own get in the way of those that SSM gives it." 'Move it away.'
        }
    }
    # The vendor's installer restarts for this feature, and run again it would register a second time.
    $feature = Get-WindowsFeature -Name Containers
    if (-not $feature.Installed) {
        if ($DryRun) {
            Write-Output '+ Install-WindowsFeature -Name Containers, and a restart'
        } else {
            $result = Install-WindowsFeature -Name Containers
            if ($result.RestartNeeded -ne 'No') {
                Write-Output 'The feature Containers is installed. Restart the host, then run this script again.'
                exit 3010
            }
        }
    }
}

function Test-Leftovers {
    $now = Get-AgentCluster
    if ($now -eq $Cluster) {
        Write-Output "This host is in the cluster $Cluster already. Nothing to do."
        exit 0
    }
    if ($now) {
        Stop-Here "this host is in the cluster $now, and a host is in one cluster at a time." 'Deregister it there, then run ecs-anywhere-install.ps1 -Uninstall.'
    }
    $registration = Join-Path $env:ProgramData 'Amazon\SSM\InstanceData\registration'
    foreach ($left in @($registration, (Join-Path $env:ProgramData 'Amazon\ECS\data'))) {
        if (Test-Path -Path $left) {
            Stop-Here "an agent was here before: $left." 'Deregister the host in ECS and in SSM, then run ecs-anywhere-install.ps1 -Uninstall and remove it.'
        }
    }
}

# The agent reads its settings from the environment of the machine when it starts.
function Set-AgentSettings {
    foreach ($name in $AgentSettings.Keys) {
        if ($DryRun) {
            Write-Output "+ set $name=$($AgentSettings[$name]) for the machine"
        } else {
            [Environment]::SetEnvironmentVariable($name, $AgentSettings[$name], 'Machine')
            Set-Item -Path "Env:$name" -Value $AgentSettings[$name]
        }
    }
}

function Get-Installer {
    $path = Join-Path $env:TEMP 'ecs-anywhere-install.ps1'
    if ($DryRun) {
        Write-Host "+ Invoke-WebRequest $InstallerUrl, with Amazon's signature"
        return $path
    }
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    Invoke-WebRequest -Uri $InstallerUrl -OutFile $path -UseBasicParsing
    $signature = Get-AuthenticodeSignature -FilePath $path
    if ($signature.Status -ne 'Valid' -or $signature.SignerCertificate.Subject -notmatch 'O="?Amazon') {
        throw "the signature of the vendor's installer is $($signature.Status): do not run it"
    }
    return $path
}

# The store holds the bare code, or the code with its activation's id as JSON.
function Read-Stored {
    if ($CodeFile) { return (Get-Content -Raw -Path $CodeFile).Trim() }
    $beside = Join-Path $PSScriptRoot 'activation-code'
    if (Test-Path -Path $beside) {
        $text = (Get-Content -Raw -Path $beside).Trim()
        Remove-Item -Path $beside
        return $text
    }
    if ($CodeFrom -eq 'file') {
        return (Get-Content -Raw -Path (Join-Path $PSScriptRoot (Split-Path -Leaf $CodeName))).Trim()
    }
    if (-not $CodeFrom) { throw 'no manifest says where the activation code is: pass -CodeFile and -ActivationId' }
    $text = & aws @ReadCode
    if ($LASTEXITCODE -ne 0) { throw "the activation code could not be read from the $CodeFrom $CodeName" }
    return ([string]$text).Trim()
}

# The description of what holds the code ends with the id of its activation.
function Read-ActivationId {
    if (-not $CodeFrom -or $CodeFrom -eq 'file') { return '' }
    $text = & aws @ReadId
    if ($LASTEXITCODE -ne 0) { return '' }
    return ([string]$text).Trim().Split(' ')[-1]
}

function Register-ThisHost {
    param([string]$Installer)
    if ($DryRun) {
        Write-Output "+ $Installer -Region $Region -Cluster $Cluster -ActivationID $ActivationId -ActivationCode CODE"
        return
    }
    $code = Read-Stored
    $id = $ActivationId
    if ($code.StartsWith('{')) {
        $both = $code | ConvertFrom-Json
        $code = $both.activationCode
        if (-not $id) { $id = $both.activationId }
    } elseif (-not $id) {
        $id = Read-ActivationId
    }
    # AWS credentials were for the code alone: those of the host are SSM's.
    Remove-Item -Path Env:AWS_ACCESS_KEY_ID, Env:AWS_SECRET_ACCESS_KEY, Env:AWS_SESSION_TOKEN, Env:AWS_PROFILE -ErrorAction SilentlyContinue
    if (-not $code) { throw 'there is no activation code' }
    if (-not $id) { throw 'the id of the activation is not known here: pass -ActivationId; it is no secret' }
    # Called within this process, so that the code is no argument of one.
    & $Installer -Region $Region -Cluster $Cluster -ActivationID $id -ActivationCode $code
}

function Wait-ForAgent {
    if ($DryRun) {
        Write-Output "+ ask $AgentUrl until it tells the cluster $Cluster, at most $Wait seconds"
        return
    }
    $until = (Get-Date).AddSeconds($Wait)
    while ((Get-Date) -lt $until) {
        if ((Get-AgentCluster) -eq $Cluster) {
            Write-Output "This host is in the cluster $Cluster as $Resource."
            return
        }
        Start-Sleep -Seconds 5
    }
    throw "the agent is not in the cluster $Cluster after $Wait seconds. Look at: Get-Service AmazonECS, AmazonSSMAgent, Docker; $env:ProgramData\Amazon\ECS\log; $env:ProgramData\Amazon\SSM\Logs"
}

Test-Leftovers
Test-ThisHost
$installer = Get-Installer
Set-AgentSettings
Register-ThisHost -Installer $installer
Wait-ForAgent
