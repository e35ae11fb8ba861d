//! A build without the features `aws` and `mysql`: it says what it lacks, with the place, and does all
//! the rest.

#![cfg(not(feature = "aws"))]

use std::{path::Path, process::Command};

/// Runs the program at the top of the repository; code, stdout, stderr.
fn trueup(words: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_trueup"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(words)
        .output()
        .expect("runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let code = out.status.code().expect("an exit code");
    (code, text(out.stdout), text(out.stderr))
}

#[test]
fn what_asks_aws_is_named_with_its_place_and_the_way_out() {
    let spec = "specs/pinterest-client-by-name.yaml";
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(spec));
    let text = text.expect("the spec");
    let place = |start: &str| {
        let line = text
            .lines()
            .position(|line| line.trim_start().starts_with(start));
        format!("{spec}:{}:", line.expect(start) + 1)
    };
    for words in [
        vec!["plan", spec],
        vec!["facts", spec],
        vec!["drift", spec],
        vec!["apply", spec, "--auto-approve"],
    ] {
        let (code, out, err) = trueup(&words);
        assert_eq!((code, out.as_str()), (3, ""), "{err}");
        assert!(
            err.contains("this build of trueup has no AWS in it"),
            "{err}"
        );
        assert!(
            err.contains("the feature `aws`, which is on by default"),
            "{err}"
        );
        for start in [
            "ec2:",
            "key: { from_instance",
            "role:",
            "cluster:",
            "password:",
        ] {
            assert!(err.contains(&place(start)), "{start} in {err}");
        }
    }
    // What is asked of nobody is as ever.
    let (code, _, err) = trueup(&["validate", spec]);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = trueup(&["trust", spec, "--yes"]);
    assert_eq!(code, 3, "{err}");
}

#[test]
fn a_file_whose_content_is_a_parameter_is_named_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = folder.path().join("spec.yaml");
    let text = "version: 1\nhosts: { here: { local: {} } }\nfiles:\n  ssm_parameter: { path: ~/a, content: x }\n  \
                token:\n    path: ~/token\n    content: { ssm_parameter: /kafka/token }\n";
    std::fs::write(&spec, text).expect("written");
    let spec = spec.to_str().expect("text");
    let (code, out, err) = trueup(&["plan", spec]);
    assert_eq!((code, out.as_str()), (3, ""), "{err}");
    let told = err.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "`{ ssm_parameter: … }` asks AWS, and this build of trueup has no AWS in it",
        "use `{ env: NAME }` or `{ file: PATH }`",
        "spec.yaml:7:16",
    ] {
        assert!(told.contains(said), "{said} in {err}");
    }
    assert_eq!(err.matches("asks AWS").count(), 1, "{err}");
    let (code, _, err) = trueup(&["validate", spec]);
    assert_eq!(code, 0, "{err}");
}

#[cfg(not(feature = "mysql"))]
#[test]
fn a_database_is_named_with_its_place_and_the_way_out() {
    let spec = "examples/topics-from-mysql.yaml";
    for words in [vec!["plan", spec], vec!["drift", spec]] {
        let (code, out, err) = trueup(&words);
        assert_eq!((code, out.as_str()), (3, ""), "{err}");
        // It is told at the width of the terminal.
        let told = err.split_whitespace().collect::<Vec<_>>().join(" ");
        for said in [
            "`from: { mysql: … }` asks a database, and this build of trueup has no MySQL in it",
            "the feature `mysql`, which is on by default; or name the tables: `tables: [NAME, …]`",
            "examples/topics-from-mysql.yaml:22:7",
        ] {
            assert!(told.contains(said), "{said} in {err}");
        }
        assert!(!err.contains("MYSQL_PASSWORD"), "{err}");
    }
    let (code, _, err) = trueup(&["validate", spec]);
    assert_eq!(code, 0, "{err}");
}

#[test]
fn what_asks_nothing_of_aws_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("client.properties");
    let spec = folder.path().join("spec.yaml");
    let text = format!(
        "version: 1\nhosts: {{ here: {{ local: {{}} }} }}\nclient:\n  properties: {{ path: {}, extra: {{ \
         client.id: loader }} }}\n",
        file.display()
    );
    std::fs::write(&spec, text).expect("written");
    let spec = spec.to_str().expect("text");
    let (code, out, err) = trueup(&["apply", spec, "--auto-approve"]);
    assert_eq!(code, 0, "{out}{err}");
    let written = std::fs::read_to_string(&file).expect("written");
    assert!(written.contains("client.id=loader"), "{written}");
    let (code, out, err) = trueup(&["drift", spec]);
    assert_eq!(code, 0, "{out}{err}");
}
