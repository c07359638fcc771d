//! A Vagrantfile: a virtual machine on somebody's desk that becomes a host. The code is read there, not in the machine.

use super::{id_command, place_of, read_command, shell};
use crate::hosts::quote::{comment, ruby};
use crate::hosts::{Code, Host, Trouble};

/// The box where no operating system is declared.
const BOX: &str = "ubuntu/jammy64";
/// The port of the quick start.
const PORT: u16 = 8080;

pub(super) fn write(host: &Host, activation_id: &str) -> Result<String, Trouble> {
    let image = match host.system {
        None => BOX,
        Some(system) if !system.vagrant_box.is_empty() => &system.vagrant_box,
        Some(system) => {
            let message = format!("no Vagrant box of {} is known", system.name);
            return Err(Trouble { message, help: "take another operatingSystem, or --format sh".to_owned() });
        }
    };
    let script = shell::write(host, activation_id);
    let command = |command: fn(&Code, &str) -> Option<Vec<String>>| {
        let words = command(host.code.as_ref()?, &host.region)?;
        Some(words.iter().map(|word| ruby(&comment(word))).collect::<Vec<_>>().join(", "))
    };
    let fetch = command(read_command).zip(command(id_command));
    let code_file = match (&fetch, &host.code) {
        (None, Some(code)) => format!("File.expand_path({}, __dir__)", ruby(&code.name)),
        _ => "File.expand_path('.vagrant/activation-code', __dir__)".to_owned(),
    };
    let place = place_of(host.code.as_ref());
    let address = host.address.to_string();
    let mut out = format!(
        "# -*- mode: ruby -*-\n\
         # {address} in the ECS cluster {cluster}, written by `farpost host bootstrap`.\n\
         #\n\
         #   vagrant up        makes the machine and brings it into the cluster\n\
         #   vagrant destroy   removes it, after it was taken out of the manifests\n\
         #\n\
         # The activation code is not in here: `vagrant up` reads it from {place}.\n\
         \n\
         require 'fileutils'\n\
         require 'json'\n\
         \n\
         CODE_FILE = {code_file}\n",
        cluster = comment(&host.cluster),
    );
    if let Some((read_code, read_id)) = &fetch {
        out.push_str(&format!(
            "READ_CODE = [{read_code}].freeze\n\
             READ_ID = [{read_id}].freeze\n\
             \n\
             def answer_of(command)\n\
             \x20 answer = IO.popen(command, &:read).to_s.strip\n\
             \x20 abort 'the activation code could not be read: has farpost apply made it?' if answer.empty?\n\
             \x20 answer\n\
             end\n\
             \n\
             # Only when a machine is provisioned, and into a file that nobody else reads.\n\
             if (ARGV & %w[up provision reload]).any? && !File.exist?(CODE_FILE)\n\
             \x20 FileUtils.mkdir_p(File.dirname(CODE_FILE))\n\
             \x20 stored = {{ activationId: answer_of(READ_ID).split.last, activationCode: answer_of(READ_CODE) }}\n\
             \x20 File.write(CODE_FILE, JSON.generate(stored), perm: 0o600)\n\
             end\n",
        ));
    }
    out.push_str(&format!("\nBOOTSTRAP = <<'END_OF_BOOTSTRAP'\n{script}END_OF_BOOTSTRAP\n\n"));
    out.push_str("Vagrant.configure('2') do |config|\n");
    out.push_str(&format!("  config.vm.define {} do |host|\n", ruby(&host.address.name)));
    out.push_str(&format!("    host.vm.box = {}\n", ruby(image)));
    out.push_str(&format!("    host.vm.hostname = {}\n", ruby(&host_name(&host.address.name))));
    let ports = if host.ports.is_empty() { vec![PORT] } else { host.ports.clone() };
    for port in ports {
        // A port below 1024 on the desk takes root's rights.
        let outside = if port < 1024 { port + 8000 } else { port };
        out.push_str(&format!("    host.vm.network 'forwarded_port', guest: {port}, host: {outside}\n"));
    }
    out.push_str(
        "    # The script takes the file away when it has read it.\n\
         \x20   if File.exist?(CODE_FILE)\n\
         \x20     host.vm.provision 'file', source: CODE_FILE, destination: '/tmp/activation-code'\n\
         \x20   end\n\
         \x20   host.vm.provision 'shell', inline: BOOTSTRAP,\n\
         \x20                              args: ['--code-file', '/tmp/activation-code', '--remove-code-file']\n",
    );
    if fetch.is_some() {
        out.push_str(
            "    host.trigger.after :up, :provision, :reload do |trigger|\n\
             \x20     trigger.name = 'forget the activation code'\n\
             \x20     trigger.ruby { FileUtils.rm_f(CODE_FILE) }\n\
             \x20   end\n",
        );
    }
    out.push_str("  end\nend\n");
    Ok(out)
}

/// Letters, digits and hyphens, which is what a name of a machine may have.
fn host_name(name: &str) -> String {
    let fits = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    name.chars().map(fits).take(63).collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::trial::host;

    #[test]
    fn ports_are_forwarded() {
        let text = write(&host("{}"), "").unwrap();
        assert!(text.contains("host.vm.box = 'ubuntu/jammy64'\n"), "{text}");
        assert!(text.contains("'forwarded_port', guest: 8080, host: 8080\n"), "{text}");
        let text = write(&host(r#"{"publish": [80, 9000], "operatingSystem": "ubuntu-18.04"}"#), "").unwrap();
        assert!(text.contains("guest: 80, host: 8080\n") && text.contains("guest: 9000, host: 9000\n"), "{text}");
        assert!(text.contains("host.vm.box = 'ubuntu/bionic64'\n"), "{text}");
        let trouble = write(&host(r#"{"operatingSystem": "sles-15"}"#), "").unwrap_err();
        assert!(trouble.message.contains("SUSE"), "{trouble}");
    }
}
