//! The same script in files that other programs read.

use farpost::hosts::bootstrap::Format;
use serde_json::{Value, json};

use super::{hostile, parameter, run, written};

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error} in:\n{text}"))
}

/// The keys of the modules that are used, as https://docs.cloud-init.io/en/latest/reference/modules.html has them
/// (read on 2026-11-22).
const CLOUD_INIT: [&str; 5] = ["bootcmd", "package_update", "packages", "runcmd", "write_files"];
const WRITE_FILES: [&str; 7] = ["append", "content", "defer", "encoding", "owner", "path", "permissions"];

#[test]
fn cloud_init_reads_its_documented_keys() {
    for spec in [json!({}), hostile(), json!({"operatingSystem": "rhel-9"}), json!({"operatingSystem": "sles-15"})] {
        let text = written(spec.clone(), parameter(), Format::CloudInit);
        assert!(text.starts_with("#cloud-config\n"), "{text}");
        let data = yaml(&text);
        for key in data.as_object().unwrap().keys() {
            assert!(CLOUD_INIT.contains(&key.as_str()), "{key} is no key of cloud-init that is known here");
        }
        let file = &data["write_files"][0];
        assert!(file.as_object().unwrap().keys().all(|key| WRITE_FILES.contains(&key.as_str())), "{file}");
        assert_eq!(file["permissions"], "0700", "octal, and so a text");
        assert_eq!(file["content"], written(spec, parameter(), Format::Shell), "the script comes through whole");
        assert_eq!(data["runcmd"], json!([["bash", file["path"]]]));
        let packages = data["packages"].as_array().into_iter().flatten();
        assert!(packages.clone().all(Value::is_string) && data["runcmd"].is_array());
    }
}

#[test]
fn ansible_reads_tasks() {
    for code in [parameter(), json!({"secret": "a 'b'"}), json!({"file": "code's.json"})] {
        let text = written(hostile(), code.clone(), Format::Ansible);
        let tasks = yaml(&text);
        let keywords = [
            "name",
            "become",
            "changed_when",
            "check_mode",
            "delegate_to",
            "failed_when",
            "no_log",
            "register",
            "vars",
            "when",
        ];
        for task in tasks.as_array().unwrap() {
            let modules: Vec<&String> =
                task.as_object().unwrap().keys().filter(|key| !keywords.contains(&key.as_str())).collect();
            assert!(matches!(modules[..], [module] if module.starts_with("ansible.builtin.")), "{modules:?}");
            // Whatever touches the code keeps quiet.
            let is_secret = task["ansible.builtin.command"].is_object();
            assert!(!is_secret || task["no_log"] == true, "{task:#}");
        }
        let copied = tasks.as_array().unwrap().iter().find_map(|task| task["ansible.builtin.copy"]["content"].as_str());
        assert!(text.contains("    content: !unsafe |\n"), "Jinja would take some of the shell for its own");
        assert_eq!(copied.unwrap(), written(hostile(), code, Format::Shell));
    }
}

#[test]
fn ruby_reads_the_vagrantfile() {
    for code in [parameter(), json!({"secret": "it's #{1}"}), json!({"file": "code.json"})] {
        let text = written(hostile(), code, Format::Vagrant);
        assert!(text.contains("guest: 8080, host: 8080\n"), "the port that the service publishes:\n{text}");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("Vagrantfile");
        std::fs::write(&path, &text).unwrap();
        match run("ruby", &["-wc"], &path) {
            Some(told) => assert!(told.code == 0 && told.stderr.is_empty(), "{}{}", told.stdout, told.stderr),
            // Without Ruby: the script ends where it should, and so does the block.
            None => {
                assert_eq!(text.matches("\nEND_OF_BOOTSTRAP\n").count(), 1, "{text}");
                assert!(text.ends_with("  end\nend\n"), "{text}");
            }
        }
    }
}
