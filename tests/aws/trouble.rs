//! What goes wrong between here and AWS, each as it really comes over the wire.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
};

use serde_json::json;

use crate::{
    wires::{Signed, serve},
    world::{Desk, Front, name},
};

/// A spec that asks for a parameter, of this machine, so that nothing else can go wrong.
fn asks_for(parameter: &str) -> String {
    format!(
        "version: 1\nhosts:\n  client: {{ local: {{}} }}\nclient:\n  properties:\n    path: ~/client.properties\n    \
         extra: {{ ssl.truststore.password: {{ ssm_parameter: {parameter} }} }}\n"
    )
}

fn some_parameter(front: &Front) -> String {
    let parameter = format!("/{}", name("parameter"));
    front.make(json!({ "parameters": { &parameter: "value" } }));
    parameter
}

const EC2: &str = "version: 1\nhosts:\n  client:\n    ec2: { name: nobody-has-this-name }\n    ssh: { port: 1 }\n";

#[test]
fn throttling_is_tried_again() {
    let front = Front::new();
    let parameter = some_parameter(&front);
    let desk = Desk::new(&front);
    front.fault("ssm:GetParameter", "throttle", 2);
    desk.run(&asks_for(&parameter), &["facts"])
        .says(0, &["was read"]);
    let attempts: Vec<_> = front
        .record()
        .iter()
        .filter(|call| call["action"] == "ssm:GetParameter")
        .map(|call| call["attempt"].as_str().unwrap_or_default()[..9].to_owned())
        .collect();
    assert_eq!(attempts, ["attempt=1", "attempt=2", "attempt=3"]);

    // EC2 has words of its own for it, and three times is too often.
    let front = Front::new();
    let desk = Desk::new(&front);
    front.fault("ec2:DescribeInstances", "throttle", 2);
    desk.run(EC2, &["facts"]).says(4, &["no instance is"]);
    assert_eq!(
        front
            .calls()
            .iter()
            .filter(|call| *call == "ec2:DescribeInstances")
            .count(),
        3
    );
    front.fault("ec2:DescribeInstances", "throttle", 9);
    desk.run(EC2, &["facts"]).says(
        4,
        &["`ec2:DescribeInstances` failed: RequestLimitExceeded: Rate exceeded"],
    );
    front.fault("ec2:DescribeInstances", "broken", 9);
    desk.run(EC2, &["facts"])
        .says(4, &["`ec2:DescribeInstances` failed: InternalFailure"]);
}

#[test]
fn expired_credentials_are_one_line_that_names_where_they_came_from() {
    let front = Front::new();
    let desk = Desk::new(&front);
    for (spec, action) in [
        (EC2.to_owned(), "ec2:DescribeInstances"),
        (asks_for("/a"), "ssm:GetParameter"),
    ] {
        front.fault(action, "expired", 1);
        let said = desk.run(&spec, &["plan"]);
        said.says(
            4,
            &[
                "no AWS credentials that can be used, from the environment (AWS_ACCESS_KEY_ID)",
                "is expired",
            ],
        );
        assert_eq!(said.flat().matches("no AWS credentials").count(), 1);
    }
}

#[test]
fn missing_credentials_name_what_was_tried() {
    let front = Front::new();
    let mut desk = Desk::without_keys(&front);
    let said = desk.run(&asks_for("/a"), &["plan"]);
    said.says(
        4,
        &[
            "from the environment, the profile `default`: there are none",
            "AWS_ACCESS_KEY_ID",
        ],
    );
    desk.set("AWS_PROFILE", "absent");
    desk.run(&asks_for("/a"), &["plan"])
        .says(4, &["the profile `absent` (AWS_PROFILE)"]);
    desk.set("AWS_ACCESS_KEY_ID", "AKIA");
    desk.run(&asks_for("/a"), &["plan"])
        .says(4, &["from the environment (AWS_ACCESS_KEY_ID)"]);
    assert_eq!(front.calls(), Vec::<String>::new());
}

#[test]
fn one_trouble_of_many_is_said_once() {
    let front = Front::new();
    let desk = Desk::without_keys(&front);
    let spec = "version: 1\naws: { region: us-east-1 }\nhosts:\n  a: { ec2: { name: a }, ssh: { key: { \
        ssm_parameter: /k } } }\n  b: { ec2: { name: b } }\ntopics: { cluster: { name: c }, security: { \
        scram_sha_512: { username: u, password: { ssm_parameter: /p } } }, tables: [t] }\n";
    let said = desk.run(spec, &["plan"]);
    said.says(4, &["there are none", "the same as that of a, above"]);
    assert_eq!(said.flat().matches("no AWS credentials").count(), 1);
    // Programs are told of each.
    let said = desk.run(spec, &["plan", "--format", "json"]);
    assert_eq!(
        said.out.matches("no AWS credentials").count(),
        3,
        "{}",
        said.out
    );
}

#[test]
fn what_is_not_allowed_names_who_and_what() {
    let front = Front::new();
    let desk = Desk::new(&front);
    for (spec, action) in [
        (EC2.to_owned(), "ec2:DescribeInstances"),
        (asks_for("/a"), "ssm:GetParameter"),
    ] {
        front.fault(action, "denied", 1);
        let refused = format!("AWS refuses `{action}`");
        desk.run(&spec, &["plan"])
            .says(4, &[&refused, "user/tester is not authorized", "help:"]);
    }
}

#[test]
fn an_endpoint_that_hangs_meets_a_deadline() {
    let front = Front::new();
    let desk = Desk::new(&front);
    front.fault("*", "hang", 99);
    let said = desk.run(EC2, &["facts", "--timeout", "2s"]);
    said.says(
        4,
        &[
            "`ec2:DescribeInstances` got no answer from AWS: none within 2 s",
            "--timeout",
        ],
    );
}

#[test]
fn an_endpoint_that_is_not_there_is_said() {
    let front = Front::new();
    let mut desk = Desk::new(&front);
    let port = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("bound")
        .port();
    desk.set("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{port}"));
    desk.run(EC2, &["facts"]).says(
        4,
        &[
            "`ec2:DescribeInstances` got no answer from AWS",
            "connection refused",
            "AWS_ENDPOINT_URL",
        ],
    );
}

#[test]
fn no_region_is_said_before_anything_is_asked() {
    let front = Front::new();
    let mut desk = Desk::new(&front);
    desk.unset("AWS_REGION");
    desk.run(EC2, &["facts"])
        .says(4, &["no AWS region is set for EC2", "aws: { region: … }"]);
    assert!(!front.calls().contains(&"ec2:DescribeInstances".to_owned()));
}

#[test]
fn logs_with_secrets_in_them_are_refused_at_the_start() {
    let front = Front::new();
    let mut desk = Desk::new(&front);
    desk.set("LOG_SENSITIVE_BODIES", "true");
    for words in [&["plan"][..], &["facts"], &["validate"], &["drift"]] {
        desk.run(EC2, words)
            .says(3, &["`LOG_SENSITIVE_BODIES` is set"]);
    }
    assert_eq!(front.calls(), Vec::<String>::new());
}

/// The SDK compiles without an HTTPS connector, and fails only when it runs.
#[test]
fn https_works_with_the_authorities_of_the_system_and_with_no_others() {
    let signed = Arc::new(Signed::new());
    let of_server = Arc::clone(&signed);
    let port = serve(move |mut stream| {
        let mut tls = of_server.connection();
        let mut encrypted = tokio_rustls::rustls::Stream::new(&mut tls, &mut stream);
        let mut request = [0; 4096];
        if encrypted.read(&mut request).is_ok() {
            let body = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
            let _ = write!(
                encrypted,
                "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    let front = Front::new();
    let mut desk = Desk::new(&front);
    desk.set("AWS_ENDPOINT_URL", &format!("https://localhost:{port}"));
    desk.run(EC2, &["facts"]).says(
        4,
        &[
            "`ec2:DescribeInstances` got no answer from AWS",
            "its certificate is from no authority that this system trusts",
        ],
    );
    desk.write("ca.pem", &signed.pem);
    let ca = desk.folder.path().join("ca.pem").display().to_string();
    desk.set("SSL_CERT_FILE", &ca);
    desk.run(EC2, &["facts"])
        .says(4, &["no instance is Name=nobody-has-this-name"]);
}
