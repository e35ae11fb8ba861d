//! A small server that answers what the pipelines ask of GitHub and of GitLab, as these do: pages with
//! their links, filters, who wrote what, and no answer without a token.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

/// The token that lets somebody in.
pub const TOKEN: &str = "token-4e1f";

/// What there is.
#[derive(Default)]
pub struct World {
    /// Of GitHub: issues and pull requests, by number.
    pub issues: BTreeMap<u64, Value>,
    /// Comments and notes: of which number, and what.
    pub comments: Vec<(u64, Value)>,
    /// Of a commit: which pull or merge requests it came with.
    pub merged: BTreeMap<String, Vec<Value>>,
    /// Runs of the workflow, the newest first.
    pub runs: Vec<Value>,
    /// Of GitLab: merge requests, jobs of pipelines, and what jobs have left.
    pub requests: BTreeMap<u64, Value>,
    pub jobs: BTreeMap<u64, Vec<Value>>,
    pub files: BTreeMap<String, Vec<u8>>,
    /// Of GitHub: what environments have, by their names; the repository's own is under no name.
    pub variables: BTreeMap<String, BTreeMap<String, String>>,
    pub secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// All that was asked for, as METHOD PATH.
    pub asked: Vec<String>,
    next: u64,
}

impl World {
    /// A comment of somebody's; its number.
    pub fn comment(&mut self, of: u64, kind: &str, author: u64, body: &str) -> u64 {
        self.next += 1;
        let id = 1000 + self.next;
        let comment =
            json!({ "id": id, "body": body, "user": { "type": kind }, "author": { "id": author } });
        self.comments.push((of, comment));
        id
    }

    /// The texts of all comments whose author is the token's.
    pub fn own(&self, of: u64) -> Vec<&str> {
        let own = self.comments.iter().filter(|(at, comment)| {
            *at == of && comment["user"]["type"] == "Bot" && comment["author"]["id"] == ROBOT
        });
        own.map(|(_, comment)| comment["body"].as_str().expect("text"))
            .collect()
    }
}

/// Who the token is, at GitLab.
pub const ROBOT: u64 = 77;

pub struct Forge {
    pub world: Arc<Mutex<World>>,
    pub port: u16,
}

impl Forge {
    /// It ends with this process.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mut world = World::default();
        world.variables.insert(String::new(), BTreeMap::new());
        let world = Arc::new(Mutex::new(world));
        let shared = Arc::clone(&world);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &shared);
            }
        });
        Self { world, port }
    }

    pub fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().expect("the world")
    }
}

struct Asked {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    token: String,
    body: Value,
}

struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(status: &'static str, value: &Value) -> Self {
        Self {
            status,
            headers: "Content-Type: application/json\r\n".into(),
            body: value.to_string().into_bytes(),
        }
    }
}

fn serve(stream: TcpStream, world: &Mutex<World>) {
    let Some(asked) = read(&stream) else {
        return;
    };
    let answer = answer(&asked, &mut world.lock().expect("the world"));
    let head = format!(
        "HTTP/1.1 {}\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n",
        answer.status,
        answer.headers,
        answer.body.len()
    );
    // Who asked may have gone.
    let _ = (&stream).write_all(&[head.into_bytes(), answer.body].concat());
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => token = value.trim_start_matches("token ").to_owned(),
            "private-token" => token = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    // GitHub's program comes as to a proxy, with the whole address.
    let target = match target.strip_prefix("http://api.github.localhost") {
        Some(path) => format!("/github{path}"),
        None => target,
    };
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Asked {
        method,
        path: path.to_owned(),
        query: form(query),
        token,
        body: match body.starts_with('{') {
            true => serde_json::from_str(&body).ok()?,
            false => json!(form(&body)),
        },
    })
}

/// The fields of a form, or of a query.
fn form(text: &str) -> BTreeMap<String, String> {
    let plain = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let fields = text.split('&').filter_map(|field| field.split_once('='));
    fields
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

fn answer(asked: &Asked, world: &mut World) -> Answer {
    world.asked.push(format!("{} {}", asked.method, asked.path));
    if asked.token != TOKEN {
        return Answer::json("401 Unauthorized", &json!({ "message": "Bad credentials" }));
    }
    let parts: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
    let found = match parts.as_slice() {
        ["github", "repos", "example", "kafka-clients", rest @ ..] => github(asked, rest, world),
        ["api", "v4", rest @ ..] => gitlab(asked, rest, world),
        _ => None,
    };
    found.unwrap_or_else(|| Answer::json("404 Not Found", &json!({ "message": "Not Found" })))
}

/// A part of a list, with links to the others.
fn page(asked: &Asked, all: Vec<Value>) -> Answer {
    let number = |name: &str, default: usize| {
        let given = asked
            .query
            .get(name)
            .map(|text| text.parse().expect("a number"));
        given.unwrap_or(default)
    };
    let (at, size) = (number("page", 1), number("per_page", 20).min(100));
    let part: Vec<Value> = all
        .iter()
        .skip((at - 1) * size)
        .take(size)
        .cloned()
        .collect();
    let mut answer = Answer::json("200 OK", &json!(part));
    let is_last = at * size >= all.len();
    let next = if is_last {
        String::new()
    } else {
        (at + 1).to_string()
    };
    answer.headers.push_str(&format!("X-Next-Page: {next}\r\n"));
    if let (false, Some(path)) = (is_last, asked.path.strip_prefix("/github")) {
        let mut query = asked.query.clone();
        query.insert("page".into(), next);
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let link = format!("http://api.github.localhost{path}?{}", query.join("&"));
        answer
            .headers
            .push_str(&format!("Link: <{link}>; rel=\"next\"\r\n"));
    }
    answer
}

/// A text that is taken as a body.
fn body(asked: &Asked) -> Option<&str> {
    let body = asked.body["body"].as_str()?;
    (!body.trim().is_empty() && body.chars().count() <= 65_536).then_some(body)
}

fn refused() -> Answer {
    Answer::json(
        "422 Unprocessable Entity",
        &json!({ "message": "Validation Failed" }),
    )
}

fn change(world: &mut World, of: Option<u64>, id: &str, body: &str) -> Option<Answer> {
    let id: u64 = id.parse().ok()?;
    let found = world
        .comments
        .iter_mut()
        .find(|(at, one)| one["id"] == id && of.is_none_or(|of| of == *at))?;
    found.1["body"] = body.into();
    Some(Answer::json("200 OK", &found.1))
}

fn comments(world: &World, of: u64) -> Vec<Value> {
    let all = world.comments.iter().filter(|(at, _)| *at == of);
    all.map(|(_, comment)| comment.clone()).collect()
}

fn github(asked: &Asked, parts: &[&str], world: &mut World) -> Option<Answer> {
    let answer = match (asked.method.as_str(), parts) {
        ("GET", ["issues", number, "comments"]) => {
            page(asked, comments(world, number.parse().ok()?))
        }
        ("POST", ["issues", number, "comments"]) => {
            let Some(body) = body(asked) else {
                return Some(refused());
            };
            world.comment(number.parse().ok()?, "Bot", ROBOT, body);
            Answer::json("201 Created", &json!({}))
        }
        ("PATCH", ["issues", "comments", id]) => match body(asked) {
            Some(body) => change(world, None, id, body)?,
            None => refused(),
        },
        ("GET", ["issues"]) => {
            let state = asked.query.get("state").map_or("open", String::as_str);
            let all = world
                .issues
                .values()
                .filter(|issue| issue["state"] == state);
            let all = all.cloned().collect();
            page(asked, all)
        }
        ("POST", ["issues"]) => {
            let (Some(body), Some(title)) = (body(asked), asked.body["title"].as_str()) else {
                return Some(refused());
            };
            let number = world.issues.keys().last().map_or(1, |last| last + 1);
            let issue = json!({
                "number": number, "title": title, "body": body, "state": "open", "user": { "type": "Bot" },
            });
            world.issues.insert(number, issue.clone());
            Answer::json("201 Created", &issue)
        }
        ("PATCH", ["issues", number]) => {
            let issue = world.issues.get_mut(&number.parse().ok()?)?;
            for (key, value) in asked.body.as_object()? {
                assert!(["body", "state", "title"].contains(&key.as_str()), "{key}");
                issue[key] = value.clone();
            }
            Answer::json("200 OK", issue)
        }
        ("GET", ["commits", sha, "pulls"]) => {
            let pulls = world.merged.get(*sha).cloned().unwrap_or_default();
            page(asked, pulls)
        }
        ("GET", ["actions", "workflows", "trueup.yml", "runs"]) => {
            let is_asked_for = |run: &&Value| {
                ["event", "head_sha", "status"].iter().all(|key| {
                    let field = if *key == "status" { "conclusion" } else { key };
                    asked
                        .query
                        .get(*key)
                        .is_none_or(|wanted| run[field] == *wanted)
                })
            };
            let runs: Vec<Value> = world.runs.iter().filter(is_asked_for).cloned().collect();
            Answer::json(
                "200 OK",
                &json!({ "total_count": runs.len(), "workflow_runs": runs }),
            )
        }
        ("PUT", ["environments", name]) => {
            world.variables.entry((*name).to_owned()).or_default();
            Answer::json("200 OK", &json!({ "name": name }))
        }
        ("POST", ["actions", "variables"]) => variable(asked, "", world)?,
        ("POST", ["environments", name, "variables"]) => variable(asked, name, world)?,
        ("GET", ["environments", name, "secrets", "public-key"]) => {
            world.variables.get(*name)?;
            Answer::json("200 OK", &json!({ "key_id": "7", "key": PUBLIC_KEY }))
        }
        ("PUT", ["environments", name, "secrets", secret]) => {
            assert_eq!(asked.body["key_id"], "7");
            let sealed = asked.body["encrypted_value"].as_str()?.to_owned();
            let secrets = world.secrets.entry((*name).to_owned()).or_default();
            secrets.insert((*secret).to_owned(), sealed);
            Answer::json("201 Created", &json!({}))
        }
        _ => return None,
    };
    Some(answer)
}

/// For sealed boxes of secrets; nobody has the private one.
const PUBLIC_KEY: &str = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

fn variable(asked: &Asked, environment: &str, world: &mut World) -> Option<Answer> {
    let of = world.variables.get_mut(environment)?;
    let (name, value) = (asked.body["name"].as_str()?, asked.body["value"].as_str()?);
    if of.insert(name.to_owned(), value.to_owned()).is_some() {
        return Some(Answer::json(
            "409 Conflict",
            &json!({ "message": "Already exists" }),
        ));
    }
    Some(Answer::json("201 Created", &json!({})))
}

fn gitlab(asked: &Asked, parts: &[&str], world: &mut World) -> Option<Answer> {
    let parts = match parts {
        ["user"] => return Some(Answer::json("200 OK", &json!({ "id": ROBOT }))),
        ["projects", "42", parts @ ..] => parts,
        _ => return None,
    };
    let answer = match (asked.method.as_str(), parts) {
        ("GET", ["merge_requests", number, "notes"]) => {
            page(asked, comments(world, number.parse().ok()?))
        }
        ("POST", ["merge_requests", number, "notes"]) => {
            let Some(body) = body(asked) else {
                return Some(Answer::json(
                    "400 Bad Request",
                    &json!({ "error": "body is missing" }),
                ));
            };
            world.comment(number.parse().ok()?, "Bot", ROBOT, body);
            Answer::json("201 Created", &json!({}))
        }
        ("PUT", ["merge_requests", number, "notes", id]) => {
            change(world, Some(number.parse().ok()?), id, body(asked)?)?
        }
        ("GET", ["merge_requests", number]) => {
            Answer::json("200 OK", world.requests.get(&number.parse().ok()?)?)
        }
        ("GET", ["repository", "commits", sha, "merge_requests"]) => {
            let requests = world.merged.get(*sha).cloned().unwrap_or_default();
            page(asked, requests)
        }
        ("GET", ["pipelines", id, "jobs"]) => {
            let jobs = world.jobs.get(&id.parse().ok()?)?.clone();
            page(asked, jobs)
        }
        ("GET", ["jobs", id, "artifacts", name]) => Answer {
            status: "200 OK",
            headers: String::new(),
            body: world.files.get(&format!("{id}/{name}"))?.clone(),
        },
        _ => return None,
    };
    Some(answer)
}
