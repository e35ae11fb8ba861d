//! What an editor shows for a spec: the YAML language server with the schema that is checked in. It
//! is installed by `tests/rig/rig build`.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::{Value, json};

/// So long the server may think.
const PATIENCE: Duration = Duration::from_secs(60);

/// A spec in `specs/`, as far as the server knows; with a mistake in the last line.
const SPEC: &str = concat!(
    "# yaml-language-server: $schema=../schemas/spec.schema.json\n",
    "version: 1\n",
    "x-notes: { any: [1] }\n",
    "x-way: &way { user: ec2-user }\n",
    "ssh: { <<: *way, port: 22 }\n",
    "hosts:\n",
    "  client: { ssh: { address: 10.0.0.5 } }\n",
    "client:\n",
    "  kafka:\n",
    "    version: 2.8.1\n",
    "    scala: 2.12\n",
    "    \n",
    "  classpath:\n",
    "    in: \n",
    "  jaav: { version: 8 }\n",
);

struct Server {
    process: Child,
    stdin: ChildStdin,
    messages: Receiver<Value>,
    next: u64,
    /// Diagnostics that came meanwhile.
    diagnostics: Vec<Value>,
}

impl Server {
    fn start() -> Self {
        let cache = std::env::var_os("TRUEUP_RIG_CACHE").map(PathBuf::from).expect(
            "this test needs the language server: run tests/run, or tests/rig/rig run -- cargo test --test editor",
        );
        let program =
            cache.join("yaml-server/node_modules/yaml-language-server/bin/yaml-language-server");
        let mut process = Command::new("node")
            .arg(program)
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node runs");
        let stdin = process.stdin.take().expect("a pipe");
        let mut stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut stdout) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut server = Self {
            process,
            stdin,
            messages,
            next: 0,
            diagnostics: vec![],
        };
        server.ask(
            "initialize",
            json!({
                "processId": std::process::id(),
                "rootUri": null,
                "capabilities": {
                    "textDocument": {
                        "completion": { "completionItem": { "documentationFormat": ["markdown"] } },
                        "hover": { "contentFormat": ["markdown"] },
                    },
                    "workspace": { "configuration": true },
                },
            }),
        );
        server.tell("initialized", json!({}));
        server
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("written");
        self.stdin.flush().expect("written");
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Asks, and answers what the server asks meanwhile.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.take();
            if message["id"] == id && message["method"].is_null() {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// One message; what the server asks of its editor is answered.
    fn take(&mut self) -> Value {
        let message = self
            .messages
            .recv_timeout(PATIENCE)
            .expect("the server answers");
        match message["method"].as_str() {
            Some("textDocument/publishDiagnostics") => {
                let found = message["params"]["diagnostics"].as_array().expect("a list");
                self.diagnostics = found.clone();
            }
            Some("workspace/configuration") => {
                let items = message["params"]["items"].as_array().expect("a list");
                let settings = |item: &Value| match item["section"].as_str() {
                    Some("yaml") => json!({
                        "validate": true, "hover": true, "completion": true,
                        "schemaStore": { "enable": false },
                    }),
                    _ => Value::Null,
                };
                let result: Vec<Value> = items.iter().map(settings).collect();
                self.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }));
            }
            Some(_) if !message["id"].is_null() => {
                self.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": null }));
            }
            _ => {}
        }
        message
    }

    fn at(&mut self, method: &str, line: u32, character: u32) -> Value {
        self.ask(
            method,
            json!({
                "textDocument": { "uri": uri() },
                "position": { "line": line, "character": character },
            }),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is ours, and has nothing to lose.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read(from: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(": ") {
            Some(("Content-Length", number)) => length = number.parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn uri() -> String {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs");
    format!("file://{}/opened-in-an-editor.yaml", specs.display())
}

/// The line in which a text stands, from 0.
fn line_of(text: &str) -> u32 {
    let line = SPEC.lines().position(|line| line.contains(text));
    u32::try_from(line.expect("a line")).expect("few lines")
}

#[test]
fn an_editor_completes_explains_and_underlines() {
    let mut server = Server::start();
    server.tell(
        "textDocument/didOpen",
        json!({
            "textDocument": { "uri": uri(), "languageId": "yaml", "version": 1, "text": SPEC },
        }),
    );
    while server.diagnostics.is_empty() {
        server.take();
    }
    let wrong: Vec<&Value> = server.diagnostics.iter().collect();
    let of_jaav = wrong.iter().find(|one| {
        one["message"]
            .as_str()
            .is_some_and(|text| text.contains("jaav"))
    });
    let of_jaav = of_jaav.unwrap_or_else(|| panic!("no word of `jaav` in {wrong:?}"));
    assert_eq!(of_jaav["range"]["start"]["line"], line_of("jaav"));
    // The example of a number that is a text is none: it is taken as it is written. Keys for anchors hold
    // anything, and a way that all hosts have is one.
    for right in ["scala", "x-notes", "x-way", "ssh: { <<"] {
        assert!(
            wrong
                .iter()
                .all(|one| one["range"]["start"]["line"] != line_of(right)),
            "{right}: {wrong:?}"
        );
    }

    let hover = server
        .at("textDocument/hover", line_of("kafka:"), 4)
        .to_string();
    for part in ["The Kafka archive, unpacked.", "2.8.1", "scala"] {
        assert!(hover.contains(part), "no `{part}` in {hover}");
    }
    let hover = server
        .at("textDocument/hover", line_of("scala"), 6)
        .to_string();
    assert!(
        hover.contains("Scala version of the build") && hover.contains("2.12"),
        "{hover}"
    );

    let below = line_of("scala") + 1;
    let items = server.at("textDocument/completion", below, 4);
    let items = items["items"].as_array().expect("a list").clone();
    let of = |label: &str| {
        let item = items.iter().find(|item| item["label"] == label);
        item.unwrap_or_else(|| panic!("no `{label}` in {items:?}"))
            .to_string()
    };
    assert!(
        of("home").contains("Default: `~/kafka_SCALA-VERSION`"),
        "{}",
        of("home")
    );
    assert!(of("url").contains("archive.apache.org") && of("sha512").contains("hexadecimal"));
    // What is there already is not offered again.
    assert!(
        items.iter().all(|item| item["label"] != "scala"),
        "{items:?}"
    );

    let items = server
        .at("textDocument/completion", line_of("in: "), 8)
        .to_string();
    for value in ["bashrc", "profile", "profile.d", "environment"] {
        assert!(
            items.contains(&format!("\"label\":\"{value}\"")),
            "no {value} in {items}"
        );
    }
}
