//! A file of Ansible tasks. The code is read on the machine that runs Ansible and handed to the script on its standard
//! input.

use super::{CodePlace, PATH, id_command, indented, place_of, read_command, shell};
use crate::hosts::Host;
use crate::hosts::quote::{comment, yaml};

pub(super) fn write(host: &Host, activation_id: &str) -> String {
    let script = shell::write(host, "");
    let cluster = yaml(&host.cluster);
    let address = host.address.to_string();
    let mut out = format!(
        "---\n\
         # {address} in the ECS cluster {plain}, written by `farpost host bootstrap`. Tasks for include_tasks.\n\
         #\n\
         # The activation code is not in here: it is read from {place}, by the machine that runs\n\
         # Ansible. Its activation's id may be given as farpost_activation_id; it is no secret.\n\
         \n\
         - name: Ask the agent which cluster it is in\n\
         \x20 ansible.builtin.uri:\n\
         \x20   url: http://localhost:51678/v1/metadata\n\
         \x20   return_content: true\n\
         \x20   timeout: 5\n\
         \x20 register: farpost_agent\n\
         \x20 failed_when: false\n\
         \x20 changed_when: false\n\
         \x20 check_mode: false\n\
         \n\
         - name: Remember whether there is anything to do\n\
         \x20 ansible.builtin.set_fact:\n\
         \x20   farpost_is_missing: \"{{{{ (farpost_agent.json | default({{}}, true)).Cluster | default('') != farpost_wanted }}}}\"\n\
         \x20 vars:\n\
         \x20   farpost_wanted: {cluster}\n\
         \n\
         - name: Make a place for the script\n\
         \x20 ansible.builtin.file:\n\
         \x20   path: /opt/farpost\n\
         \x20   state: directory\n\
         \x20   owner: root\n\
         \x20   group: root\n\
         \x20   mode: \"0755\"\n\
         \x20 become: true\n\
         \n\
         - name: Put the script there\n\
         \x20 ansible.builtin.copy:\n\
         \x20   dest: {PATH}\n\
         \x20   owner: root\n\
         \x20   group: root\n\
         \x20   mode: \"0700\"\n\
         \x20   # Unsafe: Jinja would take some of the shell for its own.\n\
         \x20   content: !unsafe |\n\
{script}\
         \x20 become: true\n",
        plain = comment(&host.cluster),
        place = place_of(host.code.as_ref()),
        script = indented(&script, 6),
    );
    let stored = match &host.code {
        Some(code) if code.place == CodePlace::File => {
            let path = format!("{{{{ lookup('ansible.builtin.file', {}) }}}}", jinja(&code.name));
            yaml(&path)
        }
        Some(code) => {
            let commands = [
                ("Read the activation code", "farpost_code", read_command(code, &host.region)),
                ("Read which activation it is of", "farpost_described", id_command(code, &host.region)),
            ];
            for (name, variable, command) in commands {
                let words: Vec<String> = command.unwrap_or_default().iter().map(|word| yaml(word)).collect();
                out.push_str(&format!(
                    "\n\
                     - name: {name}\n\
                     \x20 ansible.builtin.command:\n\
                     \x20   argv: [{}]\n\
                     \x20 register: {variable}\n\
                     \x20 delegate_to: localhost\n\
                     \x20 become: false\n\
                     \x20 changed_when: false\n\
                     \x20 no_log: true\n\
                     \x20 when: farpost_is_missing\n",
                    words.join(", ")
                ));
            }
            yaml(
                "{{ {'activationId': farpost_described.stdout.split() | last, 'activationCode': farpost_code.stdout} \
                 | to_json }}",
            )
        }
        None => yaml("{{ farpost_activation_code }}"),
    };
    let id = yaml(&format!("ACTIVATION_ID={{{{ farpost_activation_id | default({}) }}}}", jinja(activation_id)));
    out.push_str(&format!(
        "\n\
         - name: Bring the host into the cluster\n\
         \x20 ansible.builtin.command:\n\
         \x20   # no_log hides what the script says, so it says it to a file.\n\
         \x20   argv: [env, {id}, bash, -c, \"exec {PATH} --code-file - >/var/log/farpost-bootstrap.log 2>&1\"]\n\
         \x20   stdin: {stored}\n\
         \x20 become: true\n\
         \x20 no_log: true\n\
         \x20 changed_when: true\n\
         \x20 when: farpost_is_missing\n",
    ));
    out
}

/// Text in a Jinja expression.
fn jinja(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}
