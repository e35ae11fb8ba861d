//! The templates of the first spec: the repository's own specs, and the parts that users fill in.

use clap::ValueEnum;

/// A spec to start from.
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

/// An example, and the parts of it that can be filled in.
pub struct Template {
    /// The spec, as it is in the repository.
    pub text: &'static str,
    /// The host's key in it, with its value.
    pub host: (&'static str, &'static str),
    /// The cluster's key, with its value.
    pub cluster: (&'static str, &'static str),
    /// The user, at each place.
    pub user: &'static str,
    /// The private key, where that is a local file; empty: there is none.
    pub key: Option<&'static str>,
    /// What only the user knows, in the order of the text.
    pub placeholders: &'static [Placeholder],
}

/// Which question a placeholder is filled in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// That of the host.
    Host,
    /// That of the cluster.
    Cluster,
    /// None; it belongs to the topics.
    Topics,
    /// None.
    None,
}

/// Something that the user fills in.
pub struct Placeholder {
    /// A part of its line.
    pub line: &'static str,
    /// What belongs there; empty: nothing is marked.
    pub description: &'static str,
    /// Where to find it.
    pub hints: &'static [&'static str],
    /// Which question fills it in.
    pub question: Question,
}

const fn placeholder(
    question: Question,
    line: &'static str,
    description: &'static str,
    hints: &'static [&'static str],
) -> Placeholder {
    Placeholder {
        line,
        description,
        hints,
        question,
    }
}

const USER: &str = "user: ec2-user";
const ID: Placeholder = placeholder(
    Question::None,
    "vars: { user_id:",
    "the id that your role and your topics begin with",
    &[],
);
const KAFKA: Placeholder = placeholder(
    Question::None,
    "kafka: { version: 2.8.1",
    "Kafka's version, your cluster's; add the archive's `sha512: …`",
    &[
        "The digest: curl https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz.sha512",
        "Until it is there `validate` warns of it, and `apply` prints the line to paste.",
    ],
);
const ROLE: Placeholder = placeholder(
    Question::None,
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
const TABLES: Placeholder = placeholder(
    Question::Topics,
    "tables:",
    "your tables: each gets a topic",
    &[],
);

const CLIENT: Template = Template {
    text: include_str!("../../specs/pinterest-client.yaml"),
    host: ("address: ", "10.0.0.5"),
    cluster: (
        "bootstrap: ",
        "\"b-1.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098\"",
    ),
    user: USER,
    key: Some(", key: { file: ~/.ssh/kafka-client.pem }"),
    placeholders: &[
        ID,
        placeholder(
            Question::Host,
            "address:",
            "the machine: its address, your user and its private key",
            &["Without `key` it is ssh's agent and ~/.ssh/config that count."],
        ),
        KAFKA,
        placeholder(Question::None, "sha256:", "", JAR),
        ROLE,
        placeholder(
            Question::Cluster,
            "bootstrap:",
            "the cluster's brokers",
            BROKERS,
        ),
        TABLES,
    ],
};

const BY_NAME: Template = Template {
    text: include_str!("../../specs/pinterest-client-by-name.yaml"),
    host: ("name: ", "\"${user_id}-kafka-client\""),
    cluster: ("name: ", "pinterest-msk-cluster"),
    user: USER,
    key: None,
    placeholders: &[
        ID,
        placeholder(
            Question::None,
            "region:",
            "the region of all that is named",
            &[],
        ),
        placeholder(
            Question::Host,
            "ec2:",
            "the instance's name, its tag `Name`",
            &[],
        ),
        KAFKA,
        placeholder(Question::None, "sha256:", "", JAR),
        placeholder(
            Question::None,
            "role:",
            "the name of the role that may use the cluster",
            &[],
        ),
        placeholder(
            Question::Cluster,
            "cluster:",
            "the cluster's name in MSK",
            &[],
        ),
        placeholder(
            Question::Topics,
            "host: ",
            "the database: its name, your user, password and tables",
            &[],
        ),
    ],
};

const TOPICS: Template = Template {
    text: include_str!("../../examples/topics.yaml"),
    host: ("address: ", "10.0.0.5"),
    cluster: (
        "bootstrap: ",
        "b-1.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098,b-2.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098",
    ),
    user: USER,
    key: Some(""),
    placeholders: &[
        ID,
        placeholder(
            Question::Host,
            "address:",
            "the machine that reaches the cluster, and your user",
            &[],
        ),
        KAFKA,
        placeholder(Question::None, "sha256:", "", JAR),
        ROLE,
        placeholder(
            Question::Cluster,
            "bootstrap:",
            "the cluster's brokers",
            BROKERS,
        ),
        TABLES,
    ],
};

const FLEET: Template = Template {
    text: include_str!("../../specs/fleet.yaml"),
    host: ("address: ", "client-01.internal"),
    cluster: (
        "bootstrap: ",
        "\"b-1.loads.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098\"",
    ),
    user: USER,
    key: Some(""),
    placeholders: &[
        placeholder(
            Question::None,
            "account:",
            "your account's number in AWS",
            &[],
        ),
        placeholder(
            Question::None,
            "role: kafka-client",
            "the role that may use the cluster",
            &[],
        ),
        placeholder(
            Question::Host,
            "address: client-01",
            "the first machine: its address, and your user",
            &[],
        ),
        placeholder(
            Question::None,
            "address: client-02",
            "the second machine",
            &[],
        ),
        placeholder(
            Question::None,
            "kafka: { version: 2.8.2 }",
            "the Kafka that it tries; add its `sha512: …`",
            &[
                "The digest: curl https://archive.apache.org/dist/kafka/2.8.2/kafka_2.12-2.8.2.tgz.sha512",
            ],
        ),
        placeholder(
            Question::None,
            "address: client-03",
            "the third machine, and its role",
            &[],
        ),
        placeholder(
            Question::None,
            "  kafka:",
            "Kafka's version, your cluster's; add the archive's `sha512: …`",
            KAFKA.hints,
        ),
        placeholder(Question::None, "sha256:", "", JAR),
        placeholder(
            Question::Cluster,
            "bootstrap:",
            "the cluster's brokers",
            BROKERS,
        ),
        TABLES,
    ],
};

impl Example {
    /// Its template.
    pub fn template(self) -> &'static Template {
        match self {
            Self::Client => &CLIENT,
            Self::ByName => &BY_NAME,
            Self::Topics => &TOPICS,
            Self::Fleet => &FLEET,
        }
    }
}
