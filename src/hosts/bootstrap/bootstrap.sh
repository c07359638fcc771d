#!/usr/bin/env bash
#@HEADER
set -euo pipefail

#@FACTS

installer_url='https://amazon-ecs-agent.s3.amazonaws.com/ecs-anywhere-install-latest.sh'
# AWS documents the fingerprint of the key that signs the installer; the key itself comes from the agent's repository.
key_url='https://raw.githubusercontent.com/aws/amazon-ecs-agent/master/scripts/amazon-ecs-agent.gpg'
key_fingerprint='F34C3DDAE72926B079BEAEC6BCE9D9A42D51784F'
agent_url='http://localhost:51678/v1/metadata'
task_credentials='169.254.170.2'

usage() {
  cat <<TEXT
Brings this host into the ECS cluster $cluster ($region) as $resource.

  --dry-run             print every command instead of running it; needs neither root nor a network
  --activation-id ID    the activation, when the store does not tell it (also \$ACTIVATION_ID)
  --code-file FILE      read the activation code from FILE, or from standard input when FILE is -
  --remove-code-file    remove FILE when it is read
  --resume              go on after an installation that broke off when the host was registered with SSM
  --skip-signature      do not check the signature of the vendor's installer
  --wait SECONDS        how long to wait for the agent (default: 300)
  --clean               remove the agents and what they left, to register anew; deregister the host first
  --root DIR            look at the system below DIR, and write there; for tests
  --help                this
TEXT
}

dry_run=no
resume=no
clean=no
check_signature=yes
code_file=''
remove_code_file=no
root=''
patience=300
activation_id=${ACTIVATION_ID:-$activation_id}

say() { printf '%s\n' "$*"; }

note() { printf 'note: %s\n' "$*" >&2; }

fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  local line
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit 1
}

# What stops a real run is only told in a dry one.
refuse() {
  if [[ $dry_run == yes ]]; then
    note "a real run stops here: $1"
  else
    fail "$@"
  fi
}

run() {
  if [[ $dry_run == yes ]]; then
    printf '+'
    printf ' %q' "$@"
    printf '\n'
  else
    "$@"
  fi
}

has() { command -v "$1" >/dev/null 2>&1; }

# Writes standard input to a file, whole or not at all.
write_file() {
  local path=$1 mode=$2 text
  text=$(cat)
  if [[ $dry_run == yes ]]; then
    printf '+ write %q, mode %s:\n' "$path" "$mode"
    printf '%s\n' "$text" | sed 's/^/    /'
    return
  fi
  mkdir -p "$(dirname "$root$path")"
  (umask 077 && printf '%s\n' "$text" >"$root$path.farpost")
  chmod "$mode" "$root$path.farpost"
  mv -f "$root$path.farpost" "$root$path"
}

package_manager() {
  local manager
  for manager in dnf yum apt-get zypper; do
    if has "$manager"; then
      say "$manager"
      return
    fi
  done
  say none
}

value_of() { # NAME, of /etc/os-release
  local file=$root/etc/os-release
  [[ -r $file ]] || return 0
  sed -n "s/^$1=//p" "$file" | head -n 1 | sed -e "s/^[\"']//" -e "s/[\"']\$//"
}

check_system() {
  local id version title
  id=$(value_of ID)
  version=$(value_of VERSION_ID)
  title=$(value_of PRETTY_NAME)
  [[ -n $system_id ]] || return 0
  if [[ $id != "$system_id" ]]; then
    refuse "this script was written for $system_name, and the host is ${title:-something without /etc/os-release}" \
      "say in the manifest which operatingSystem it has, and write the script anew"
  elif [[ -n $system_version && $version != "$system_version" && $version != "$system_version".* ]]; then
    note "this script was written for $system_name, and the host is ${title:-$id $version}"
  fi
}

check_host() {
  local found
  if [[ $dry_run == no && $(id -u) -ne 0 ]]; then
    fail "this needs root" "run it with sudo, or see what it would do with --dry-run"
  fi
  [[ -d $root/run/systemd/system ]] || refuse "the host does not run systemd, which the installer needs"
  found=$(uname -m)
  case $found in
    x86_64 | aarch64) ;;
    *) refuse "ECS Anywhere runs on x86_64 and aarch64, and the host is $found" ;;
  esac
  if [[ -n $machine && $found != "$machine" ]]; then
    refuse "the manifest says $machine, and the host is $found" "change the architecture in the manifest"
  fi
  check_system
  if [[ -r $root/sys/fs/selinux/enforce && $(cat "$root/sys/fs/selinux/enforce") == 1 ]]; then
    refuse "SELinux is enforcing, and ECS Anywhere does not work with it" \
      "set SELINUX=permissive in /etc/selinux/config and restart the host"
  fi
  if [[ $docker_source == none ]] && ! has docker; then
    refuse "Docker is not installed, and the installer does not install it here (--docker-install-source none)" \
      "install Docker first"
  fi
  if [[ $gpu == yes ]] && ! nvidia-smi >/dev/null 2>&1; then
    refuse "no GPU answers nvidia-smi, which the installer asks" "install NVIDIA's driver first"
  fi
  for found in "$root/root/.aws/credentials" "$root/root/.aws/config"; do
    if [[ -e $found ]]; then
      refuse "there is $found: AWS credentials of the host's own get in the way of those that SSM gives it" \
        "move it away; credentials in the environment are used for the activation code alone"
    fi
  done
}

# The cluster that a running agent belongs to.
agent_cluster() {
  local answer
  has curl || return 0
  answer=$(curl -fsS --max-time 5 "$agent_url" 2>/dev/null) || return 0
  if [[ $answer =~ \"Cluster\":\ *\"([^\"]*)\" && $answer =~ \"ContainerInstanceArn\":\ *\"[^\"]+\" ]]; then
    [[ $answer =~ \"Cluster\":\ *\"([^\"]*)\" ]]
    say "${BASH_REMATCH[1]}"
  fi
}

# The installer leaves settings and registrations that it finds as they are and says that all went well.
check_leftovers() {
  local now='' found
  if [[ $dry_run == no ]]; then
    now=$(agent_cluster)
  fi
  if [[ -n $now && $now == "$cluster" ]]; then
    say "This host is in the cluster $cluster already. Nothing to do."
    exit 0
  fi
  if [[ -n $now ]]; then
    fail "this host is in the cluster $now, and a host is in one cluster at a time" \
      "deregister it there, then clean it: $0 --clean"
  fi
  for found in /var/lib/ecs/data/agent.db /var/lib/ecs/data/ecs_agent_data.json /usr/libexec/amazon-ecs-init; do
    if [[ -e $root$found ]]; then
      refuse "an ECS agent was here before: $found" \
        "the installer would leave its settings as they are and say that all went well" \
        "deregister the host in ECS and in SSM, then clean it: $0 --clean"
    fi
  done
  found=/var/lib/amazon/ssm/Vault/Store/RegistrationKey
  if [[ -e $root$found && $resume == no ]]; then
    refuse "this host is registered with SSM: $found" \
      "the installer would not register it again and would say that all went well" \
      "if an earlier run of this script broke off here, go on with: $0 --resume" \
      "else deregister the host in SSM, then clean it: $0 --clean"
  fi
}

clean_host() {
  say "What SSM and ECS know of the host stays: remove it from the manifests and apply, or deregister it by hand, first."
  say "Tasks keep running; look at: docker ps --filter label=com.amazonaws.ecs.cluster"
  run systemctl stop ecs amazon-ssm-agent || true
  case $(package_manager) in
    apt-get) run apt-get remove -y amazon-ecs-init amazon-ssm-agent || true ;;
    dnf) run dnf remove -y amazon-ecs-init amazon-ssm-agent || true ;;
    yum) run yum remove -y amazon-ecs-init amazon-ssm-agent || true ;;
    zypper) run zypper --non-interactive remove amazon-ecs-init amazon-ssm-agent || true ;;
    *) note "remove the packages amazon-ecs-init and amazon-ssm-agent" ;;
  esac
  run rm -rf /var/lib/ecs /etc/ecs /var/lib/amazon/ssm /var/log/ecs /var/log/amazon/ssm
  run rm -f /etc/sysctl.d/90-farpost-ecs.conf
  run systemctl daemon-reload
}

# What this script and the vendor's call, where a small system does not have it.
install_needs() {
  local manager pair name package
  local -a missing=()
  manager=$(package_manager)
  for pair in curl:curl gpg:gnupg iptables:iptables openssl:openssl tar:tar sudo:sudo lsb_release:lsb-release; do
    name=${pair%%:*}
    package=${pair#*:}
    has "$name" && continue
    case $manager:$package in
      zypper:gnupg) package=gpg2 ;;
      dnf:gnupg | yum:gnupg) package=gnupg2 ;;
      *:lsb-release | *:sudo) [[ $manager == apt-get ]] || continue ;;
    esac
    missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  case $manager in
    apt-get)
      run apt-get update
      run env DEBIAN_FRONTEND=noninteractive apt-get install -y "${missing[@]}"
      ;;
    dnf | yum) run "$manager" install -y "${missing[@]}" ;;
    zypper) run zypper --non-interactive install "${missing[@]}" ;;
    *) refuse "these are missing, and there is no package manager that the installer knows: ${missing[*]}" ;;
  esac
}

# The agent reads its settings once, when it starts; the installer adds ECS_CLUSTER and starts it.
write_settings() {
  local text file=/etc/ecs/ecs.config
  text=$(printf '%s\n' "${agent_settings[@]}")
  if [[ $dry_run == no && -e $root$file ]]; then
    if [[ $(cat "$root$file") == "$text" ]]; then
      return
    fi
    note "there was an $file; it is now $file.before"
    mv -f "$root$file" "$root$file.before"
  fi
  write_file "$file" 0600 <<<"$text"
}

add_rule() { # ARGUMENTS OF iptables -t nat -A
  if [[ $dry_run == no ]] && iptables -t nat -C "$@" 2>/dev/null; then
    return
  fi
  run iptables -t nat -A "$@"
}

# The way of a task to the credentials of its role. The agent's service makes these rules anew whenever it starts;
# the sysctl must survive a restart.
open_task_roles() {
  write_file /etc/sysctl.d/90-farpost-ecs.conf 0644 <<<'net.ipv4.conf.all.route_localnet = 1'
  run sysctl -w net.ipv4.conf.all.route_localnet=1
  add_rule PREROUTING -p tcp -d "$task_credentials" --dport 80 -j DNAT --to-destination 127.0.0.1:51679
  add_rule OUTPUT -d "$task_credentials" -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 51679
}

directory=''

fetch_installer() {
  if [[ $dry_run == yes ]]; then
    directory=/tmp/farpost-bootstrap
  else
    directory=$(mktemp -d)
    trap 'rm -rf "$directory"' EXIT
  fi
  run curl --proto '=https' -fsSL -o "$directory/ecs-anywhere-install.sh" "$installer_url"
  if [[ $check_signature == no ]]; then
    note "the installer's signature is not checked"
    return
  fi
  run curl --proto '=https' -fsSL -o "$directory/ecs-anywhere-install.sh.asc" "$installer_url.asc"
  run curl --proto '=https' -fsSL -o "$directory/amazon-ecs-agent.gpg" "$key_url"
  run mkdir -m 0700 "$directory/keys"
  run gpg --batch --quiet --homedir "$directory/keys" --import "$directory/amazon-ecs-agent.gpg"
  local -a verify=(gpg --batch --quiet --homedir "$directory/keys" --status-fd 1
    --verify "$directory/ecs-anywhere-install.sh.asc" "$directory/ecs-anywhere-install.sh")
  if [[ $dry_run == yes ]]; then
    run "${verify[@]}"
    say "  and the key must be $key_fingerprint"
    return
  fi
  local told
  told=$("${verify[@]}" 2>/dev/null) || fail "the signature of the vendor's installer is wrong" \
    "do not run it; --skip-signature goes on all the same"
  if [[ ! $told =~ VALIDSIG\ [^$'\n']*$key_fingerprint ]]; then
    fail "the vendor's installer is signed with another key than $key_fingerprint" \
      "if AWS has announced a new one, --skip-signature goes on all the same"
  fi
}

code=''

# The store holds the bare code, or the code with its activation's id as JSON.
understand_stored() {
  local stored=$1
  if [[ $stored == '{'* ]]; then
    if [[ $stored =~ \"[Aa]ctivationId\"\ *:\ *\"([^\"]+)\" ]]; then
      activation_id=${ACTIVATION_ID:-${BASH_REMATCH[1]}}
    fi
    if [[ $stored =~ \"[Aa]ctivationCode\"\ *:\ *\"([^\"]+)\" ]]; then
      code=${BASH_REMATCH[1]}
    fi
  else
    code=$stored
  fi
}

# The description of what holds the code ends with the id of its activation.
read_store() {
  local described
  local -a read_code read_id
  case $code_from in
    parameter)
      read_code=(aws ssm get-parameter --region "$region" --name "$code_name" --with-decryption
        --query Parameter.Value --output text)
      read_id=(aws ssm describe-parameters --region "$region" --parameter-filters "Key=Name,Values=$code_name"
        --query "Parameters[0].Description" --output text)
      ;;
    *)
      read_code=(aws secretsmanager get-secret-value --region "$region" --secret-id "$code_name"
        --query SecretString --output text)
      read_id=(aws secretsmanager describe-secret --region "$region" --secret-id "$code_name"
        --query Description --output text)
      ;;
  esac
  if [[ $dry_run == yes ]]; then
    run "${read_code[@]}"
    [[ -n $activation_id ]] || run "${read_id[@]}"
    return
  fi
  has aws || fail "the AWS CLI is needed here to read the activation code from the $code_from $code_name" \
    "or read it elsewhere and hand it over; the first lines of this script show how"
  stored=$("${read_code[@]}") || fail "the activation code could not be read from the $code_from $code_name" \
    "has farpost apply made the activation, and do these credentials read it?"
  if [[ -z $activation_id ]]; then
    described=$("${read_id[@]}") || described=''
    activation_id=${described##* }
  fi
}

# A file beside the script, where whatever made the host may have put the code, goes before what the manifest names.
find_code_file() {
  local here beside
  here=$(dirname "$0")
  [[ -z $code_file ]] || return 0
  for beside in "$here/activation-code" "$here/$(basename "${code_name:-activation-code}")"; do
    if [[ -f $beside && ($beside == "$here/activation-code" || $code_from == file) ]]; then
      code_file=$beside
      remove_code_file=yes
      return
    fi
  done
}

take_code() {
  local stored=''
  if [[ $resume == yes ]]; then
    return
  fi
  find_code_file
  if [[ -n $code_file && $dry_run == yes ]]; then
    printf '+ read the activation code from %q\n' "$code_file"
  elif [[ $code_file == - ]]; then
    stored=$(cat)
  elif [[ -n $code_file ]]; then
    stored=$(cat -- "$code_file") || fail "cannot read $code_file"
    if [[ $remove_code_file == yes ]]; then
      rm -f -- "$code_file"
    fi
  else
    case $code_from in
      parameter | secret) read_store ;;
      file)
        refuse "there is no $(dirname "$0")/$(basename "$code_name")" \
          "copy the file with the activation code beside this script, or name it with --code-file"
        ;;
      *)
        refuse "no manifest says where the activation code is" \
          "pass --code-file and --activation-id, or put it beside this script as activation-code"
        ;;
    esac
  fi
  # AWS credentials were for the code alone: those of the host are SSM's.
  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE \
    AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AWS_SHARED_CREDENTIALS_FILE AWS_CONFIG_FILE
  if [[ $dry_run == yes ]]; then
    return
  fi
  understand_stored "$stored"
  [[ -n $code ]] || fail "there is no activation code in ${code_file:-$code_from $code_name}"
  [[ -n $activation_id ]] || fail "the id of the activation is not known here" \
    "pass --activation-id, or set ACTIVATION_ID; it is no secret:" \
    "aws ssm describe-activations --region $region"
}

register() {
  local status
  local -a arguments=(--region "$region" --cluster "$cluster" --docker-install-source "$docker_source")
  if [[ $gpu == yes ]]; then
    arguments+=(--enable-gpu)
  fi
  if [[ $resume == yes ]]; then
    arguments+=(--skip-registration)
  else
    arguments+=(--activation-id "${activation_id:-ID}")
  fi
  if [[ $dry_run == yes ]]; then
    if [[ $resume == no ]]; then
      arguments+=(--activation-code CODE)
    fi
    run . "$directory/ecs-anywhere-install.sh" "${arguments[@]}"
    return
  fi
  # The installer is read into a shell of this script, so that the code is an argument of no process until the
  # installer itself calls the SSM agent. It stops at its first error, which a condition around it would prevent.
  set +e
  (
    set +uo pipefail
    export DEBIAN_FRONTEND=noninteractive
    cd "$directory" || exit 1
    set -- "${arguments[@]}"
    if [[ -n $code ]]; then
      set -- "$@" --activation-code "$code"
    fi
    code=''
    # shellcheck source=/dev/null
    . "$directory/ecs-anywhere-install.sh"
  ) </dev/null
  status=$?
  set -e
  code=''
  [[ $status -eq 0 ]] || fail "the vendor's installer ended with $status; what it said is above" \
    "after a registration that SSM refused, the host needs an activation that has registrations and days left" \
    "after anything later, mend it and go on with: $0 --resume"
}

wait_for_agent() {
  if [[ $dry_run == yes ]]; then
    run curl -fsS "$agent_url"
    say "  until it tells the cluster $cluster, at most $patience seconds"
    return
  fi
  local now='' until=$((SECONDS + patience))
  while [[ $SECONDS -lt $until ]]; do
    now=$(agent_cluster)
    if [[ $now == "$cluster" ]]; then
      say "This host is in the cluster $cluster as $resource."
      return
    fi
    sleep 5
  done
  fail "the agent is not in the cluster $cluster after $patience seconds${now:+; it says $now}" \
    "its service:      systemctl status ecs amazon-ssm-agent docker" \
    "its logs:         /var/log/ecs/ecs-agent.log, /var/log/ecs/ecs-init.log, /var/log/amazon/ssm/errors.log" \
    "clock and egress: farpost host check --region $region, run on this host" \
    "its role:         needs AmazonSSMManagedInstanceCore and AmazonEC2ContainerServiceforEC2Role"
}

main() {
  while [[ $# -gt 0 ]]; do
    case $1 in
      --dry-run) dry_run=yes ;;
      --resume) resume=yes ;;
      --clean) clean=yes ;;
      --skip-signature) check_signature=no ;;
      --remove-code-file) remove_code_file=yes ;;
      --activation-id | --code-file | --wait | --root)
        [[ $# -ge 2 ]] || fail "$1 needs a value"
        case $1 in
          --activation-id) activation_id=$2 ;;
          --code-file) code_file=$2 ;;
          --wait) patience=$2 ;;
          --root) root=${2%/} ;;
        esac
        shift
        ;;
      --help | -h)
        usage
        exit 0
        ;;
      *) fail "there is no option $1" "see --help" ;;
    esac
    shift
  done
  [[ $patience =~ ^[0-9]+$ ]] || fail "--wait takes seconds, not $patience"
  if [[ $clean == yes ]]; then
    if [[ $dry_run == no && $(id -u) -ne 0 ]]; then
      fail "this needs root"
    fi
    clean_host
    return
  fi
  check_host
  check_leftovers
  take_code
  install_needs
  write_settings
  open_task_roles
  fetch_installer
  register
  wait_for_agent
}

# Read to the end before anything runs, so that an interrupted download runs nothing.
main "$@"
