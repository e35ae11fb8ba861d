//! What is wrong is said before who may be asked.

use std::fs;

use super::{folder, run};

const LOCAL: &str = "version: 1\nhosts: { here: { local: {} } }\n";

#[test]
fn errors_come_before_the_question_of_a_terminal() {
    let folder = folder();
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    write("good.yaml", LOCAL);
    write("broken.yaml", "version: 1\nhosts: { here: { locl: {} } }\n");
    write(
        "secret.yaml",
        &format!(
            "{LOCAL}client: {{ kafka: {{ version: 3.9.1, scala: 2.13 }}, properties: {{ extra: {{ a.password: {{ env: NOT_SET }} }} }} }}\n"
        ),
    );
    for (words, text) in [
        (&["missing.json"][..], "`missing.json` cannot be read"),
        (&["missing.yaml"], "`missing.yaml` cannot be read"),
        (&["broken.yaml"], "did you mean `local`?"),
        (&["good.yaml", "--host", "there"], "has no host `there`"),
        (&["good.yaml", "--format", "json=no/x"], "json=no/x"),
        (
            &["good.yaml", "--target", "client/nothing"],
            "client/nothing",
        ),
        (&["secret.yaml"], "NOT_SET"),
    ] {
        let said = run(folder.path(), &[&["apply"], words].concat());
        let said = said.code(3).says(text);
        assert!(!said.err.contains("terminal"), "{}", said.err);
    }
    // And then it is said.
    run(folder.path(), &["apply", "good.yaml"])
        .code(3)
        .says("there is no terminal to ask on")
        .says("`--auto-approve`");
}

#[test]
fn a_key_needs_no_secret_of_what_else_the_spec_declares() {
    let folder = folder();
    let spec = "version: 1\n\
                hosts: { c: { ssh: { address: c.invalid, key: { file: c.pem } } } }\n\
                files: { a: { path: /a, mode: \"0600\", content: { env: NOT_SET } } }\n";
    fs::write(folder.path().join("spec.yaml"), spec).expect("written");
    run(folder.path(), &["key", "spec.yaml", "--save", "c.key"])
        .code(3)
        .says("its key is in a file already: c.pem");
}
