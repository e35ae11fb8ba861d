//! From nothing to a converged host: `init`, and the three commands that it names.

use std::{fs, path::Path};

use crate::{
    prompt::Terminal,
    rig::{Host, JAR_SHA256, SITE, kafka_sha512},
};

/// Answers what a command asks on a terminal; its end.
fn answered(folder: &Path, words: &str, asked: &[(&str, &str)]) -> (i32, String) {
    let mut terminal = Terminal::start(folder, words, &[]);
    for (question, answer) in asked {
        terminal.until(question);
        terminal.type_in(&format!("{answer}\n"));
    }
    terminal.end()
}

#[test]
fn three_commands_after_init_the_host_is_as_the_spec_says() {
    let host = Host::start("amazon", &[]);
    let folder = host.folder.path();
    let place = format!(
        "{}@{}:{}",
        host.get("user"),
        host.get("address"),
        host.record["port"]
    );
    let asked = [
        ("ADDRESS[:PORT] [later]: ", place.as_str()),
        ("~/.ssh/config]: ", host.get("key")),
        ("no topics]: ", ""),
    ];
    let (code, said) = answered(folder, "init", &asked);
    assert_eq!(code, 0, "{said}");
    // What it says is the user's: Kafka's digest. That the downloads come from elsewhere is the rig's.
    let spec = folder.join("trueup.yaml");
    let text = fs::read_to_string(&spec).expect("written");
    let kafka = format!(
        ", url: \"{SITE}/files/kafka_2.12-2.8.1.tgz\", sha512: {} }}",
        kafka_sha512()
    );
    let jar = format!("sha256: {JAR_SHA256}\n");
    assert!(text.contains(&jar), "{text}");
    let text = text
        .replace("scala: \"2.12\" }", &format!("scala: \"2.12\"{kafka}"))
        .replace(
            &jar,
            &format!("{jar}    url: {SITE}/files/aws-msk-iam-auth-1.1.5-all.jar\n"),
        );
    fs::write(&spec, text).expect("written");

    let compared = [("Type `yes`: ", "yes")];
    let (code, said) = answered(folder, "trust", &compared);
    assert_eq!(code, 0, "{said}");
    let (code, said) = answered(folder, "plan", &[]);
    assert!(code == 0 && said.contains("5 to add"), "{said}");
    let (code, said) = answered(folder, "apply", &[("Apply these 5 changes? [y/N] ", "y")]);
    assert!(
        code == 0 && said.contains("5 changes applied and verified"),
        "{said}"
    );

    let (code, said) = answered(folder, "drift", &[]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = answered(folder, "validate", &[]);
    assert!(
        code == 0 && said.contains("1 host, nothing wrong"),
        "{said}"
    );
}
