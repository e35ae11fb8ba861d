//! Output of real clients, and its causes.

use super::{super::Stream, *};

fn client() -> ClientRun {
    ClientRun {
        tool: "~/k/bin/kafka-topics.sh".into(),
        properties: Some("~/k/bin/client.properties".into()),
        protocol: Some("SASL_SSL".into()),
        brokers: "b-1:9098".into(),
        seconds: 60,
        role: Some("arn:aws:iam::1:role/r".into()),
        memory_kib: Some(102_400),
    }
}

fn output(lines: &str, end: &str) -> Output {
    let mut output = Output::new("M");
    output.feed(
        Stream::Err,
        format!("M begin\n{lines}\nM end {end}\n").as_bytes(),
    );
    output.feed(Stream::Out, format!("M begin\nM end {end}\n").as_bytes());
    output
}

/// Output of real clients (2.8.1 and 4.3.1, Java 8 and 17), status, and cause.
const KNOWN: [(&str, &str, &str); 27] = [
    (
        "Exception in thread \"main\" org.apache.kafka.common.config.ConfigException: Invalid value software.amazon.msk.auth.iam.IAMClientCallbackHandler for configuration sasl.client.callback.handler.class: Class software.amazon.msk.auth.iam.IAMClientCallbackHandler could not be found.",
        "1",
        "finds no `IAMClientCallbackHandler`",
    ),
    (
        "Caused by: java.lang.NoClassDefFoundError: com/amazonaws/auth/AWSCredentialsProvider",
        "1",
        "the bare one",
    ),
    (
        "Error: Could not find or load main class kafka.admin.TopicCommand",
        "1",
        "`libs/` is not whole",
    ),
    (
        "/k/bin/kafka-run-class.sh: line 25: /nope/bin/java: No such file or directory",
        "127",
        "`JAVA_HOME`",
    ),
    (
        "/k/bin/kafka-run-class.sh: line 25: exec: java: not found",
        "127",
        "finds no `java`",
    ),
    (
        "/bin/sh: 7: exec: /k/bin/kafka-topics.sh: not found",
        "127",
        "`~/k/bin/kafka-topics.sh` cannot be run",
    ),
    (
        "Exception in thread \"main\" java.lang.UnsupportedClassVersionError: org/apache/kafka/tools/TopicCommand has been compiled by a more recent version of the Java Runtime (class file version 61.0), this version of the Java Runtime only recognizes class file versions up to 55.0",
        "1",
        "`org.apache.kafka.tools.TopicCommand` needs Java 17, and the login shell's is Java 11",
    ),
    (
        "java.lang.UnsupportedOperationException: getSubject is not supported",
        "1",
        "KAFKA-17078",
    ),
    (
        "java.lang.OutOfMemoryError: Java heap space",
        "1",
        "heap is too small",
    ),
    (
        "",
        "137",
        "was killed: most likely the machine has too little memory for it (100 MiB were free)",
    ),
    (
        "Could not reserve enough space for code cache (245760K)",
        "1",
        "too little memory",
    ),
    (
        "Invalid maximum heap size: -Xmx256Q\nError: Could not create the Java Virtual Machine.",
        "1",
        "refuses its options",
    ),
    (
        "Caused by: java.lang.IllegalArgumentException: Value not specified for key 'null' in JAAS config",
        "1",
        "takes what follows a `/` for a comment",
    ),
    (
        "Caused by: java.lang.IllegalArgumentException: JAAS config entry not terminated by semi-colon",
        "1",
        "cannot read `sasl.jaas.config`",
    ),
    (
        "Caused by: X: User: arn:aws:sts::1:assumed-role/me/i-0 is not authorized to perform: sts:AssumeRole on resource: r",
        "1",
        "does not let the machine's own role assume arn:aws:iam::1:role/r",
    ),
    (
        "Failed to find AWS IAM Credentials [Caused by Unable to load credentials from any of the providers]",
        "1",
        "no AWS credentials",
    ),
    (
        "Unable to execute HTTP request: Connect to sts.amazonaws.com:443 failed: connect timed out",
        "1",
        "STS cannot be reached",
    ),
    (
        "org.apache.kafka.common.errors.SaslAuthenticationException: [a]: Access denied",
        "1",
        "the brokers refuse arn:aws:iam::1:role/r",
    ),
    (
        "SaslAuthenticationException: [a]: Too many connects",
        "1",
        "too many new connections",
    ),
    (
        "Caused by: javax.net.ssl.SSLHandshakeException: PKIX path building failed: unable to find valid certification path to requested target",
        "1",
        "does not trust",
    ),
    (
        "Caused by: javax.net.ssl.SSLException: Unrecognized SSL message, plaintext connection?",
        "1",
        "speaks plaintext, and",
    ),
    (
        "Caused by: org.apache.kafka.common.KafkaException: Failed to load SSL keystore /nope.jks of type JKS",
        "1",
        "trust store",
    ),
    (
        "Exception in thread \"main\" java.nio.file.NoSuchFileException: /home/u/k/bin/client.properties",
        "1",
        "`~/k/bin/client.properties` is not there",
    ),
    (
        "java.lang.IllegalArgumentException: No enum constant org.apache.kafka.common.security.auth.SecurityProtocol.SASL_SSLX",
        "1",
        "refuses a value",
    ),
    (
        "Caused by: org.apache.kafka.common.config.ConfigException: No resolvable bootstrap urls given in bootstrap.servers",
        "1",
        "knows no address for b-1:9098",
    ),
    (
        "WARN [AdminClient clientId=adminclient-1] Connection to node -1 (/127.0.0.1:1) could not be established. Broker may not be available. (org.apache.kafka.clients.NetworkClient)",
        "137",
        "the port is closed",
    ),
    (
        "Caused by: org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment. Call: listTopics",
        "1",
        "no answer came from b-1:9098",
    ),
];

#[test]
fn each_error_has_a_cause_and_help() {
    for (lines, end, expected) in KNOWN {
        let mut output = output(lines, end);
        output.timed_out = lines.contains("could not be established");
        let found = cause(&client(), &output);
        assert!(found.cause.contains(expected), "{lines}: {found:?}");
        assert!(!found.help.is_empty(), "{found:?}");
    }
}

#[test]
fn a_plaintext_protocol_is_not_a_lack_of_memory() {
    for protocol in [None, Some("PLAINTEXT".to_owned())] {
        let client = ClientRun {
            protocol,
            ..client()
        };
        let found = cause(
            &client,
            &output("java.lang.OutOfMemoryError: Java heap space", "1"),
        );
        assert!(
            found.cause.starts_with("the client speaks plaintext"),
            "{found:?}"
        );
    }
}

#[test]
fn the_trust_policy_names_the_role_and_not_its_session() {
    let line =
        "User: arn:aws:sts::1:assumed-role/me/i-0 is not authorized to perform: sts:AssumeRole";
    let found = cause(&client(), &output(line, "1"));
    assert!(
        found.help.contains("{\"AWS\":\"arn:aws:iam::1:role/me\"}"),
        "{found:?}"
    );
}

#[test]
fn endless_start_files_are_named_and_unknown_errors_not_explained() {
    let mut silent = Output::new("M");
    silent.feed(Stream::Out, b"M late\n\nM end 137\n");
    assert!(cause(&client(), &silent).cause.contains("within 60 s"));
    let found = cause(&client(), &output("something else", "3"));
    assert_eq!(found.cause, "`~/k/bin/kafka-topics.sh` ended with status 3");
}
