//! From the client's output to the cause of a failure, and what helps; in the same words as the native
//! client's errors (see [`super::shared`]).

mod far;
#[cfg(test)]
mod tests;

use self::far::{of_aws, of_network, of_sasl, of_tls};
use super::{output::Output, shared::PORTS};

/// Which client was run, and how.
#[derive(Debug, Clone, Default)]
pub struct ClientRun {
    /// The tool that ran, symbolic (`~/kafka_2.12-2.8.1/bin/kafka-topics.sh`).
    pub tool: String,
    /// The properties file, symbolic; `None`: it ran without one.
    pub properties: Option<String>,
    /// The file's `security.protocol`; `None` if it has none, or is not known.
    pub protocol: Option<String>,
    /// The brokers, separated by commas.
    pub brokers: String,
    /// The deadline, in seconds.
    pub seconds: u64,
    /// The role that the spec gives the client.
    pub role: Option<String>,
    /// Available memory, in KiB.
    pub memory_kib: Option<u64>,
}

/// Why it failed, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// A sentence.
    pub cause: String,
    /// What helps.
    pub help: String,
    /// The line of the output that shows it.
    pub line: Option<String>,
}

/// The cause of a failed run.
pub fn cause(client: &ClientRun, output: &Output) -> Cause {
    let lines = Lines(&output.lines);
    if !output.begun() {
        return of_login(client, output);
    }
    let checks = [
        of_start, of_classes, of_memory, of_jaas, of_aws, of_sasl, of_tls, of_file, of_network,
    ];
    let found = checks
        .into_iter()
        .find_map(|check| check(client, output, &lines));
    found.unwrap_or_else(|| unknown(client, output))
}

fn new(cause: impl Into<String>, help: impl Into<String>, line: &str) -> Option<Cause> {
    Some(Cause {
        cause: cause.into(),
        help: help.into(),
        line: Some(line.to_owned()),
    })
}

/// The lines of the output.
struct Lines<'w>(&'w [String]);

impl Lines<'_> {
    /// The last line with one of these texts.
    fn any(&self, texts: &[&str]) -> Option<&str> {
        let mut lines = self.0.iter().rev();
        let line = lines.find(|line| texts.iter().any(|text| line.contains(text)));
        line.map(String::as_str)
    }

    /// The last line with all of these texts.
    fn all(&self, texts: &[&str]) -> Option<&str> {
        let mut lines = self.0.iter().rev();
        let line = lines.find(|line| texts.iter().all(|text| line.contains(text)));
        line.map(String::as_str)
    }
}

/// The start files did not end in time, or ended the shell.
fn of_login(client: &ClientRun, output: &Output) -> Cause {
    let cause = match output.timed_out {
        true => format!(
            "the login shell's start files did not come to an end within {} s",
            client.seconds
        ),
        false => "the login shell ended in its start files, before it ran the client".into(),
    };
    Cause {
        cause,
        help: "look for what asks, waits or leaves in them: `read`, `exec`, `exit`, `set -e`"
            .into(),
        line: None,
    }
}

/// The tool, Java, and the options of the JVM.
fn of_start(client: &ClientRun, output: &Output, lines: &Lines<'_>) -> Option<Cause> {
    let java = [
        "java: not found",
        "java: command not found",
        "/java: No such file",
        "java: Permission denied",
    ];
    if let Some(line) = lines.any(&java) {
        let cause = match line.contains("/java:") {
            true => "`JAVA_HOME` of a fresh login shell leads to no Java",
            false => "a fresh login shell finds no `java`",
        };
        let help = "`trueup plan` shows what `java:` in the spec would install, and what the shell's \
                    `JAVA_HOME` is";
        return new(cause, help, line);
    }
    let missing = [
        "not found",
        "No such file",
        "Permission denied",
        "bad interpreter",
    ];
    let of_tool = output.lines.iter().rev().find(|line| {
        line.contains("kafka-topics.sh") && missing.iter().any(|text| line.contains(text))
    });
    if let (Some(line), Some(126 | 127)) = (of_tool, output.status) {
        return new(
            format!("`{}` cannot be run", client.tool),
            "`trueup apply` puts Kafka there; a tree of your own needs its `bin/`, executable",
            line,
        );
    }
    if let Some(line) = lines.any(&["UnsupportedClassVersionError", "class file version"]) {
        return of_class_version(line);
    }
    if let Some(line) = lines.any(&["bootstrap-server is not a recognized option"]) {
        return new(
            "this Kafka's tool asks ZooKeeper alone",
            "take Kafka 2.2 or newer",
            line,
        );
    }
    if let Some(line) = lines
        .any(&[
            "getSubject is not supported",
            "Security Manager is deprecated and will be",
        ])
        .filter(|line| {
            line.contains("UnsupportedOperationException") || line.contains("getSubject")
        })
    {
        return new(
            "this Kafka cannot log in with a Java as new as the login shell's (KAFKA-17078)",
            "set `java.version` to 17 or 21, or take Kafka 3.9 or newer",
            line,
        );
    }
    if let Some(line) = lines.any(&["Port already in use"]) {
        return new(
            "`JMX_PORT` is exported by a start file, and another JVM has that port",
            "export it for the broker alone",
            line,
        );
    }
    None
}

/// A class file's version is Java's plus 44.
fn of_class_version(line: &str) -> Option<Cause> {
    let versions: Vec<u32> = line
        .split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .filter_map(|word| word.strip_suffix(".0")?.parse::<u32>().ok())
        .filter(|number| (45..200).contains(number))
        .map(|number| number - 44)
        .collect();
    let class = line
        .split_whitespace()
        .find(|word| {
            word.contains('/')
                && word
                    .chars()
                    .all(|c| c.is_alphanumeric() || "/_$".contains(c))
        })
        .map_or("a class".to_owned(), |class| {
            format!("`{}`", class.replace('/', "."))
        });
    let (cause, wanted) = match versions[..] {
        [needs, has] => (
            format!("{class} needs Java {needs}, and the login shell's is Java {has}"),
            format!("at least {needs}"),
        ),
        _ => (
            format!("{class} needs a newer Java than the login shell's"),
            "a newer one".into(),
        ),
    };
    let help = format!(
        "set `java.version` to {wanted}, or take an older release: Kafka's tools need 17 from 4.0 on, the auth jar \
         from 2.3.5 on"
    );
    new(cause, help, line)
}

/// Class path and jars.
fn of_classes(_: &ClientRun, _: &Output, lines: &Lines<'_>) -> Option<Cause> {
    let bare = [
        "com/amazonaws/",
        "com.amazonaws.",
        "software/amazon/awssdk",
        "software.amazon.awssdk",
    ];
    if let Some(line) = lines
        .any(&["NoClassDefFoundError", "ClassNotFoundException"])
        .filter(|line| bare.iter().any(|text| line.contains(text)))
    {
        return new(
            "the auth jar on the class path is the bare one, without what it depends on",
            "take the `-all` jar: `trueup apply` puts `aws-msk-iam-auth-VERSION-all.jar` into `libs/`",
            line,
        );
    }
    let own = ["software.amazon.msk", "software/amazon/msk"];
    let missing = [
        "could not be found",
        "No LoginModule found",
        "unable to find LoginModule",
        "NoClassDefFoundError",
        "ClassNotFoundException",
    ];
    if let Some(line) = lines
        .any(&missing)
        .filter(|line| own.iter().any(|text| line.contains(text)))
    {
        let class = line
            .split(|c: char| !(c.is_alphanumeric() || "._/$".contains(c)))
            .find(|word| own.iter().any(|text| word.starts_with(text)))
            .and_then(|class| class.trim_end_matches('.').rsplit(['.', '/']).next())
            .unwrap_or("a class of the auth jar");
        return new(
            format!(
                "the client finds no `{class}`: no auth jar is on its class path, or the file is none"
            ),
            "`trueup plan` says which file is wrong, and `trueup apply` fetches the jar and checks it; an empty \
             file, a saved web page, and another account's shell look the same to Java",
            line,
        );
    }
    if let Some(line) = lines.any(&[
        "Could not find or load main class",
        "NoClassDefFoundError",
        "ClassNotFoundException",
    ]) {
        return new(
            "Kafka's `libs/` is not whole",
            "`trueup plan --deep` says which files are missing or damaged, and `trueup apply` repairs them",
            line,
        );
    }
    None
}

/// Memory, and errors that look like it.
fn of_memory(client: &ClientRun, output: &Output, lines: &Lines<'_>) -> Option<Cause> {
    if let Some(line) = lines.any(&["OutOfMemoryError: Java heap space"]) {
        if client.speaks_plaintext() {
            return client.plaintext(line);
        }
        return new(
            "the JVM's heap is too small for what the brokers answer",
            "export a larger `KAFKA_HEAP_OPTS` (Kafka's own is `-Xmx256M`); a client that speaks plaintext to a TLS \
             port fails so, too",
            line,
        );
    }
    let room = [
        "Could not reserve enough space",
        "insufficient memory for the Java Runtime",
        "Cannot allocate memory",
        "unable to create native thread",
        "unable to create new native thread",
        "Killed",
    ];
    let line = lines.any(&room);
    // At the deadline the host kills it with the same signal.
    let killed = output.status == Some(137) && !output.timed_out;
    if killed || line.is_some() {
        let has = client
            .memory_kib
            .map(|kib| format!(" ({} MiB were free)", kib / 1024));
        let cause = match killed {
            true => "the JVM was killed: most likely the machine has too little memory for it",
            false => "the machine has too little memory for the JVM",
        };
        return Some(Cause {
            cause: format!("{cause}{}", has.unwrap_or_default()),
            help: "end other JVMs, take a larger instance, add swap, or export `KAFKA_HEAP_OPTS=-Xmx128M`; the kernel's \
                   log says what was killed (`sudo dmesg`)"
                .into(),
            line: line.map(str::to_owned),
        });
    }
    let options = [
        "Could not create the Java Virtual Machine",
        "Unrecognized VM option",
        "Unrecognized option",
        "Invalid maximum heap size",
    ];
    if let Some(line) = lines.any(&options[1..]).or_else(|| lines.any(&options)) {
        return new(
            "the JVM refuses its options",
            "look at `KAFKA_HEAP_OPTS`, `KAFKA_OPTS` and `KAFKA_JVM_PERFORMANCE_OPTS` in the start files",
            line,
        );
    }
    None
}

/// The line `sasl.jaas.config`.
fn of_jaas(client: &ClientRun, _: &Output, lines: &Lines<'_>) -> Option<Cause> {
    let file = client.file();
    let written = "`trueup apply` writes the line as Kafka reads it";
    if let Some(line) = lines.any(&["Value not specified for key 'null'"]) {
        return new(
            format!(
                "`sasl.jaas.config` in {file} has a value without quotes: Kafka takes what follows a `/` for a comment"
            ),
            format!("write `awsRoleArn=\"arn:…\";` with quotes; {written}"),
            line,
        );
    }
    if let Some(line) = lines.any(&["Could not find a 'KafkaClient' entry"]) {
        return new(
            format!("{file} has SASL, and no `sasl.jaas.config`"),
            format!("add the line; {written}"),
            line,
        );
    }
    if let Some(line) = lines.any(&["JAAS config", "Login module"]) {
        return new(
            format!("Kafka cannot read `sasl.jaas.config` in {file}"),
            format!("it is `MODULE required NAME=\"VALUE\";`, with the semicolon; {written}"),
            line,
        );
    }
    None
}

/// The properties file.
fn of_file(client: &ClientRun, _: &Output, lines: &Lines<'_>) -> Option<Cause> {
    let path = client.properties.as_deref()?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let names_file = |line: &&str| line.contains(name);
    if let Some(line) = lines
        .any(&["AccessDeniedException", "(Permission denied)"])
        .filter(names_file)
    {
        return new(
            format!("the account may not read `{path}`"),
            "give the file to the account: it holds the client's login, so mode 0600",
            line,
        );
    }
    if let Some(line) = lines
        .any(&["NoSuchFileException", "FileNotFoundException"])
        .filter(names_file)
    {
        return new(
            format!("`{path}` is not there"),
            "`trueup apply` writes it",
            line,
        );
    }
    if let Some(line) = lines
        .any(&["ConfigException", "No enum constant", "Malformed \\u"])
        .filter(|line| !line.contains("bootstrap"))
    {
        return new(
            format!("Kafka refuses a value in `{path}`"),
            "`trueup plan` says what differs from the spec; keys that the spec does not name are yours",
            line,
        );
    }
    None
}

fn unknown(client: &ClientRun, output: &Output) -> Cause {
    let how = match output.status {
        Some(status @ 129..) => format!("was ended by signal {}", status - 128),
        Some(status) => format!("ended with status {status}"),
        None => "ended, and its status is not known".into(),
    };
    Cause {
        cause: format!("`{}` {how}", client.tool),
        help: "its own words say why; run it in a terminal of the account to see all of them"
            .into(),
        line: None,
    }
}

impl ClientRun {
    fn file(&self) -> String {
        match &self.properties {
            Some(path) => format!("`{path}`"),
            None => "the client, which has no properties file,".into(),
        }
    }

    /// Without the key, Kafka's clients speak plaintext.
    fn speaks_plaintext(&self) -> bool {
        self.protocol
            .as_deref()
            .is_none_or(|protocol| protocol.trim().to_ascii_uppercase().ends_with("PLAINTEXT"))
    }

    fn plaintext(&self, line: &str) -> Option<Cause> {
        let cause = match (&self.properties, &self.protocol) {
            (Some(path), Some(protocol)) => format!("`{path}` says `security.protocol={protocol}`"),
            (Some(path), None) => format!("`{path}` has no `security.protocol`"),
            (None, _) => "the client runs without a properties file".into(),
        };
        new(
            format!(
                "the client speaks plaintext, and {} does not: {cause}",
                self.brokers
            ),
            format!(
                "set it to what the port expects (`SASL_SSL` for IAM); `trueup apply` does; {PORTS}"
            ),
            line,
        )
    }
}
