#!/usr/bin/env bash
#@HEADER
set -uo pipefail

#@FACTS

usage() {
  cat <<TEXT
Tells whether this host can be an external instance of ECS, and what stands in the way.

  --json             one JSON object instead of text
  --region REGION    the region to reach${region:+ (default: $region)}
  --no-network       do not resolve or reach anything
  --timeout SECONDS  how long to wait for each endpoint (default: 5)
  --root DIR         look at the system below DIR
  --help             this

Ends with 0 when nothing failed, else with 1; wrong usage is 64.
TEXT
}

form=text
network=yes
patience=5
root=''

while [[ $# -gt 0 ]]; do
  case $1 in
    --json) form=json ;;
    --no-network) network=no ;;
    --region | --timeout | --root)
      if [[ $# -lt 2 ]]; then
        printf 'error: %s needs a value\n' "$1" >&2
        exit 64
      fi
      case $1 in
        --region) region=$2 ;;
        --timeout) patience=$2 ;;
        --root) root=${2%/} ;;
      esac
      shift
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    *)
      printf 'error: there is no option %s; see --help\n' "$1" >&2
      exit 64
      ;;
  esac
  shift
done
if [[ ! $patience =~ ^[1-9][0-9]*$ ]]; then
  printf 'error: --timeout takes seconds, not %s\n' "$patience" >&2
  exit 64
fi

names=()
results=()
messages=()
helps=()

# RESULT is ok, warn, fail or skip.
tell() { # NAME RESULT MESSAGE [HELP]
  names+=("$1")
  results+=("$2")
  messages+=("$3")
  helps+=("${4:-}")
}

has() { command -v "$1" >/dev/null 2>&1; }

value_of() { # NAME, of /etc/os-release
  local file=$root/etc/os-release
  [[ -r $file ]] || return 0
  sed -n "s/^$1=//p" "$file" | head -n 1 | sed -e "s/^[\"']//" -e "s/[\"']\$//"
}

check_system() {
  local id version title name row row_id row_version row_title row_status row_name row_note
  id=$(value_of ID)
  version=$(value_of VERSION_ID)
  name=$(value_of NAME)
  title=$(value_of PRETTY_NAME)
  if [[ -z $id ]]; then
    tell system warn "there is no /etc/os-release to tell the operating system by"
    return
  fi
  for row in "${systems[@]}"; do
    IFS='|' read -r row_id row_version row_title row_status row_name row_note <<<"$row"
    [[ $id == "$row_id" ]] || continue
    [[ -z $row_version || $version == "$row_version" || $version == "$row_version".* ]] || continue
    [[ -z $row_title || $name == *"$row_title"* ]] || continue
    case $row_status in
      supported) tell system ok "$row_name is supported" "$row_note" ;;
      dropped) tell system warn "$row_name is not on AWS's list any more" "$row_note" ;;
      *) tell system fail "$row_name is not supported" "$row_note" ;;
    esac
    return
  done
  tell system warn "${title:-$id $version} is not on the list of supported systems" \
    "the list is of $systems_date: $systems_source"
}

check_machine() {
  local machine
  machine=$(uname -m)
  case $machine in
    x86_64 | aarch64) tell architecture ok "$machine" ;;
    *) tell architecture fail "$machine is neither x86_64 nor aarch64" ;;
  esac
}

check_root() {
  if [[ $(id -u) -eq 0 ]]; then
    tell root ok "this is root"
  else
    tell root warn "this is not root, so that some of it could not be seen" "run it again with sudo"
  fi
}

check_systemd() {
  if [[ -d $root/run/systemd/system ]]; then
    tell systemd ok "it runs"
  else
    tell systemd fail "it does not run, and the installer needs it"
  fi
}

check_packages() {
  local manager
  for manager in dnf yum apt-get zypper; do
    if has "$manager"; then
      tell packages ok "$manager"
      return
    fi
  done
  tell packages fail "the installer knows dnf, yum, apt and zypper, and none is here"
}

check_docker() {
  if ! has docker; then
    if [[ $docker_source == none || $(value_of ID) == rhel ]]; then
      tell docker fail "it is not installed, and the installer does not install it here" "install Docker first"
    else
      tell docker ok "it is not installed; the installer does that"
    fi
  elif docker info >/dev/null 2>&1; then
    tell docker ok "it runs"
  else
    tell docker warn "it is installed, and does not answer" "systemctl enable --now docker; or this is not root"
  fi
}

check_selinux() {
  local file=$root/sys/fs/selinux/enforce
  if [[ -r $file && $(cat "$file") == 1 ]]; then
    tell selinux fail "it is enforcing, and ECS Anywhere does not work with it" \
      "set SELINUX=permissive in /etc/selinux/config and restart the host"
  else
    tell selinux ok "it is not enforcing"
  fi
}

check_cgroups() {
  local id version
  id=$(value_of ID)
  version=$(value_of VERSION_ID)
  if [[ ! -e $root/sys/fs/cgroup/cgroup.controllers ]]; then
    tell cgroups ok "version 1"
  elif [[ $id == fedora && ($version == 32 || $version == 33) ]]; then
    tell cgroups warn "version 2, for which AWS once asked Fedora $version to go back to version 1" \
      "if tasks do not start: systemd.unified_cgroup_hierarchy=0 on the kernel command line, and restart"
  else
    tell cgroups ok "version 2, which agents of 2022 and later take"
  fi
}

check_iptables() {
  if has iptables; then
    tell iptables ok "it is here"
  else
    tell iptables warn "it is missing, and task roles need it" "install the package iptables"
  fi
}

check_credentials() {
  local file name found=()
  for file in "$root"/root/.aws/credentials "$root"/root/.aws/config "$root"/home/*/.aws/credentials; do
    [[ -e $file ]] && found+=("${file#"$root"}")
  done
  for name in AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE; do
    [[ -n ${!name:-} ]] && found+=("\$$name")
  done
  if [[ -f $root/etc/environment ]] && grep -qE '^(export )?AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|PROFILE)=' "$root/etc/environment"; then
    found+=(/etc/environment)
  fi
  if [[ ${#found[@]} -eq 0 ]]; then
    tell credentials ok "the host has none of its own"
  else
    tell credentials fail "the host has AWS credentials of its own: ${found[*]}" \
      "they get in the way of those that SSM gives it; take them off the host"
  fi
}

check_leftovers() {
  local file found=()
  for file in /var/lib/amazon/ssm/Vault/Store/RegistrationKey /var/lib/ecs/data/agent.db \
    /var/lib/ecs/data/ecs_agent_data.json /usr/libexec/amazon-ecs-init; do
    [[ -e $root$file ]] && found+=("$file")
  done
  if [[ -e $root/etc/ecs/ecs.config ]] && grep -q '^ECS_CLUSTER=' "$root/etc/ecs/ecs.config"; then
    found+=("/etc/ecs/ecs.config ($(grep '^ECS_CLUSTER=' "$root/etc/ecs/ecs.config" | tail -n 1))")
  fi
  if [[ ${#found[@]} -eq 0 ]]; then
    tell leftovers ok "no agent was here before"
  else
    tell leftovers fail "an agent is here, or was: ${found[*]}" \
      "a host that runs as it should needs nothing; to register anew, deregister it and run the bootstrap script with --clean"
  fi
}

# Listening sockets are in state 0A; ports are in hexadecimal.
listens() { # PORT
  local hex file
  hex=$(printf ':%04X' "$1")
  for file in "$root/proc/net/tcp" "$root/proc/net/tcp6"; do
    [[ -r $file ]] && awk -v port="$hex" '$4 == "0A" && index($2, port) == length($2) - 4 { found = 1 } END { exit !found }' "$file" && return 0
  done
  return 1
}

check_ports() {
  local port taken=() agent=no
  [[ -e $root/usr/libexec/amazon-ecs-init ]] && agent=yes
  for port in 51678 51679 51680; do
    if listens "$port" && [[ $agent == no ]]; then
      taken+=("$port (the agent's)")
    fi
  done
  for port in ${ports[@]+"${ports[@]}"}; do
    if listens "$port" && [[ $agent == no ]]; then
      taken+=("$port (a container's)")
    fi
  done
  if [[ ${#taken[@]} -eq 0 ]]; then
    tell ports ok "none that is needed is taken"
  else
    tell ports fail "something listens already on ${taken[*]}"
  fi
}

check_space() {
  local free
  free=$(df -Pk "${root:-/}" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }')
  if [[ -z $free ]]; then
    tell space skip "df does not tell"
  elif [[ $free -lt 2048 ]]; then
    tell space warn "$free MiB are free; agents, Docker and images take more"
  else
    tell space ok "$free MiB are free"
  fi
}

suffix_of() {
  case $1 in
    cn-*) printf 'amazonaws.com.cn' ;;
    *) printf 'amazonaws.com' ;;
  esac
}

# bash opens connections itself.
connects() { # NAME
  # shellcheck disable=SC2016
  timeout "$patience" bash -c 'exec 3<>"/dev/tcp/$0/443"' "$1" 2>/dev/null
}

resolves() { # NAME
  if has getent; then
    timeout "$patience" getent ahosts "$1" >/dev/null 2>&1
  else
    connects "$1"
  fi
}

# A proxy resolves names itself.
has_proxy() { [[ -n ${HTTPS_PROXY:-${https_proxy:-}} ]]; }

reaches() { # NAME; says why not
  local status
  if has curl; then
    curl -sS -o /dev/null --connect-timeout "$patience" --max-time "$((patience * 2))" "https://$1/" 2>/dev/null
    status=$?
    case $status in
      0 | 22 | 52) return 0 ;;
      5 | 7) printf 'no connection' ;;
      6) printf 'the name does not resolve' ;;
      28) printf 'no answer in time' ;;
      35 | 51 | 58 | 60) printf 'TLS failed; something in between may break it open' ;;
      *) printf 'curl ends with %s' "$status" ;;
    esac
    return 1
  fi
  connects "$1" && return 0
  printf 'no connection to port 443'
  return 1
}

check_endpoints() {
  local row name need purpose suffix why result
  if [[ $network == no ]]; then
    tell dns skip "--no-network"
    tell endpoints skip "--no-network"
    return
  fi
  if [[ -z $region ]]; then
    tell dns skip "no region; pass --region"
    tell endpoints skip "no region; pass --region"
    return
  fi
  suffix=$(suffix_of "$region")
  if has_proxy; then
    tell dns skip "there is a proxy, which resolves names itself"
  elif resolves "ecs.$region.$suffix"; then
    tell dns ok "ecs.$region.$suffix resolves"
  else
    tell dns fail "ecs.$region.$suffix does not resolve" "look at /etc/resolv.conf"
  fi
  for row in "${endpoints[@]}"; do
    IFS='|' read -r name need purpose <<<"$row"
    name=${name//@REGION@/$region}
    name=${name//@SUFFIX@/$suffix}
    result=fail
    [[ $need == required ]] || result=warn
    if why=$(reaches "$name"); then
      tell "endpoint $name" ok "reached: $purpose"
    else
      tell "endpoint $name" "$result" "$why: $purpose" "allow TCP 443 to $name"
    fi
  done
}

check_clock() {
  local suffix told there here gap
  if [[ $network == no || -z $region ]] || ! has curl; then
    tell clock skip "only curl and a region tell"
    return
  fi
  suffix=$(suffix_of "$region")
  told=$(curl -sS -o /dev/null -D - --max-time "$((patience * 2))" "https://ecs.$region.$suffix/" 2>/dev/null |
    tr -d '\r' | sed -n 's/^[Dd]ate: //p' | head -n 1)
  if [[ -z $told ]] || ! there=$(date -d "$told" +%s 2>/dev/null); then
    tell clock skip "AWS did not tell the time"
    return
  fi
  here=$(date +%s)
  gap=$((here > there ? here - there : there - here))
  # Signatures are refused from five minutes on.
  if [[ $gap -gt 240 ]]; then
    tell clock fail "it is $gap seconds off, and AWS refuses signatures that are five minutes off" "set up NTP or chrony"
  else
    tell clock ok "it is $gap seconds off at most"
  fi
}

json_text() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\t'/ }
  text=${text//$'\n'/ }
  printf '"%s"' "$text"
}

report() {
  local index count=${#names[@]} failed=0 warned=0 mark ok=true
  for ((index = 0; index < count; index++)); do
    case ${results[index]} in
      fail) failed=$((failed + 1)) ;;
      warn) warned=$((warned + 1)) ;;
    esac
  done
  [[ $failed -eq 0 ]] || ok=false
  if [[ $form == json ]]; then
    printf '{"formatVersion": 1, "ok": %s, "failed": %d, "warned": %d, "region": %s, "checks": [' \
      "$ok" "$failed" "$warned" "$(json_text "$region")"
    for ((index = 0; index < count; index++)); do
      [[ $index -eq 0 ]] || printf ', '
      printf '{"name": %s, "result": "%s", "message": %s, "help": %s}' "$(json_text "${names[index]}")" \
        "${results[index]}" "$(json_text "${messages[index]}")" "$(json_text "${helps[index]}")"
    done
    printf ']}\n'
  else
    for ((index = 0; index < count; index++)); do
      case ${results[index]} in
        ok) mark='ok  ' ;;
        warn) mark='WARN' ;;
        fail) mark='FAIL' ;;
        *) mark='-   ' ;;
      esac
      printf '%s  %s: %s\n' "$mark" "${names[index]}" "${messages[index]}"
      if [[ -n ${helps[index]} ]]; then
        printf '      %s\n' "${helps[index]}"
      fi
    done
    printf '%d failed, %d warnings, %d checks\n' "$failed" "$warned" "$count"
  fi
  [[ $failed -eq 0 ]]
}

check_root
check_system
check_machine
check_systemd
check_packages
check_docker
check_selinux
check_cgroups
check_iptables
check_credentials
check_leftovers
check_ports
check_space
check_endpoints
check_clock
report
