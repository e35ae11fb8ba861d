//! What the first spec is made of: the repository's own specs, and what in them is their user's.

use clap::ValueEnum;

/// A spec to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Example {
    /// One machine, found by its address, and topics for tables
    Client,
    /// The same by names in AWS, with the tables that a database has
    ByName,
    /// Topics with settings of their own
    Topics,
    /// Several machines of one cluster
    Fleet,
}

/// An example and what can be said of it.
pub struct Table {
    /// The spec, as it is in the repository.
    pub text: &'static str,
    /// The host's key in it, with its value.
    pub host: (&'static str, &'static str),
    /// The cluster's.
    pub cluster: (&'static str, &'static str),
    /// The user, wherever one stands.
    pub user: &'static str,
    /// The private key, where it is a file of this machine; empty: there is none.
    pub key: Option<&'static str>,
    /// What nobody but its user knows, in the order of the text.
    pub parts: &'static [Part],
}

/// What a part is answered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The question of the host.
    Host,
    /// The question of the cluster.
    Cluster,
    /// No question; it belongs to the topics.
    Topics,
    /// No question.
    Rest,
}

/// Something that is the user's.
pub struct Part {
    /// What its line has.
    pub line: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Where it comes from.
    pub from: &'static [&'static str],
    /// What answers it.
    pub of: Of,
}

const fn part(
    of: Of,
    line: &'static str,
    what: &'static str,
    from: &'static [&'static str],
) -> Part {
    Part {
        line,
        what,
        from,
        of,
    }
}

const USER: &str = "user: ec2-user";
const ID: Part = part(
    Of::Rest,
    "vars: { user_id:",
    "the id that your role and your topics begin with",
    &[],
);
const KAFKA: Part = part(
    Of::Rest,
    "kafka: { version: 2.8.1",
    "Kafka's version, your cluster's; add the archive's `sha512: …`",
    &[
        "The digest: curl https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz.sha512",
        "Until it is there `validate` warns of it, and `apply` prints the line to paste.",
    ],
);
const ROLE: Part = part(
    Of::Rest,
    "role_arn:",
    "the role that may use the cluster",
    &["Its ARN: aws iam get-role --role-name NAME"],
);
const BROKERS: &[&str] = &[
    "They are in the console's \"View client information\", and in",
    "aws kafka get-bootstrap-brokers --cluster-arn ARN",
];
const JAR: &[&str] =
    &["Of this version; leave it out for another one, and `apply` prints the line to paste."];
const TABLES: Part = part(Of::Topics, "tables:", "your tables: each gets a topic", &[]);

const CLIENT: Table = Table {
    text: include_str!("../../specs/pinterest-client.yaml"),
    host: ("address: ", "10.0.0.5"),
    cluster: (
        "bootstrap: ",
        "\"b-1.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098\"",
    ),
    user: USER,
    key: Some(", key: { file: ~/.ssh/kafka-client.pem }"),
    parts: &[
        ID,
        part(
            Of::Host,
            "address:",
            "the machine: its address, your user and its private key",
            &["Without `key` it is ssh's agent and ~/.ssh/config that count."],
        ),
        KAFKA,
        part(Of::Rest, "sha256:", "", JAR),
        ROLE,
        part(Of::Cluster, "bootstrap:", "the cluster's brokers", BROKERS),
        TABLES,
    ],
};

const BY_NAME: Table = Table {
    text: include_str!("../../specs/pinterest-client-by-name.yaml"),
    host: ("name: ", "\"${user_id}-kafka-client\""),
    cluster: ("name: ", "pinterest-msk-cluster"),
    user: USER,
    key: None,
    parts: &[
        ID,
        part(Of::Rest, "region:", "the region of all that is named", &[]),
        part(Of::Host, "ec2:", "the instance's name, its tag `Name`", &[]),
        KAFKA,
        part(Of::Rest, "sha256:", "", JAR),
        part(
            Of::Rest,
            "role:",
            "the name of the role that may use the cluster",
            &[],
        ),
        part(Of::Cluster, "cluster:", "the cluster's name in MSK", &[]),
        part(
            Of::Topics,
            "host: ",
            "the database: its name, your user, password and tables",
            &[],
        ),
    ],
};

const TOPICS: Table = Table {
    text: include_str!("../../examples/topics.yaml"),
    host: ("address: ", "10.0.0.5"),
    cluster: (
        "bootstrap: ",
        "b-1.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098,b-2.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098",
    ),
    user: USER,
    key: Some(""),
    parts: &[
        ID,
        part(
            Of::Host,
            "address:",
            "the machine that reaches the cluster, and your user",
            &[],
        ),
        KAFKA,
        part(Of::Rest, "sha256:", "", JAR),
        ROLE,
        part(Of::Cluster, "bootstrap:", "the cluster's brokers", BROKERS),
        TABLES,
    ],
};

const FLEET: Table = Table {
    text: include_str!("../../specs/fleet.yaml"),
    host: ("address: ", "client-01.internal"),
    cluster: (
        "bootstrap: ",
        "\"b-1.loads.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098\"",
    ),
    user: USER,
    key: Some(""),
    parts: &[
        part(Of::Rest, "account:", "your account's number in AWS", &[]),
        part(
            Of::Rest,
            "role: kafka-client",
            "the role that may use the cluster",
            &[],
        ),
        part(
            Of::Host,
            "address: client-01",
            "the first machine: its address, and your user",
            &[],
        ),
        part(Of::Rest, "address: client-02", "the second machine", &[]),
        part(
            Of::Rest,
            "kafka: { version: 2.8.2 }",
            "the Kafka that it tries; add its `sha512: …`",
            &[
                "The digest: curl https://archive.apache.org/dist/kafka/2.8.2/kafka_2.12-2.8.2.tgz.sha512",
            ],
        ),
        part(
            Of::Rest,
            "address: client-03",
            "the third machine, and its role",
            &[],
        ),
        part(
            Of::Rest,
            "  kafka:",
            "Kafka's version, your cluster's; add the archive's `sha512: …`",
            KAFKA.from,
        ),
        part(Of::Rest, "sha256:", "", JAR),
        part(Of::Cluster, "bootstrap:", "the cluster's brokers", BROKERS),
        TABLES,
    ],
};

impl Example {
    /// What it is made of.
    pub fn table(self) -> &'static Table {
        match self {
            Self::Client => &CLIENT,
            Self::ByName => &BY_NAME,
            Self::Topics => &TOPICS,
            Self::Fleet => &FLEET,
        }
    }
}
