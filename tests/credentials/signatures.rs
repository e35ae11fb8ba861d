//! Our signatures against the rig's own.

use super::*;

/// The rig's own calculation of the signature, over many inputs in one run of Python.
#[test]
fn signatures_are_those_that_python_calculates() {
    let seed: u64 = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            u64::try_from(now.expect("after 1970").as_nanos() & 0xffff_ffff).expect("small")
        });
    println!("SEED={seed}");
    let mut random = Random(seed | 1);
    let mut cases = Vec::new();
    for _ in 0..300 {
        let token = if random.below(3) == 0 {
            String::new()
        } else {
            random.text(200)
        };
        let keys = json!({
            "access_key": format!("AKIA{}", random.below(1 << 40)),
            "secret": random.text(60),
            "token": token,
        });
        let region = ["us-east-1", "cn-north-1", "ap-southeast-2"][random.below(3)];
        let broker = format!("b-{}.kafka.internal", random.below(1000));
        let signer = Iam {
            credentials: Credentials::new(
                keys["access_key"].as_str().expect("text").into(),
                keys["secret"].as_str().expect("text").into(),
                (!token.is_empty()).then(|| token.as_str().into()),
                None,
            )
            .expect("credentials"),
            clock: Clock {
                offset_seconds: i64::try_from(random.below(1 << 31)).expect("small") - (1 << 30),
            },
            region: Some(region.into()),
            caller: String::new(),
        };
        let sent = signer.begin(&broker).first().expect("a payload");
        let sent: Value = serde_json::from_slice(&sent).expect("JSON");
        cases.push(json!({"keys": keys, "host": broker, "region": region, "sent": sent}));
    }
    let program = "import json, sys\n\
        sys.dont_write_bytecode = True\n\
        sys.path.insert(0, sys.argv[1])\n\
        import selfcheck\n\
        wrong = []\n\
        for case in json.load(sys.stdin):\n\
        \x20   sent = case['sent']\n\
        \x20   selfcheck.now = lambda seconds=0: sent['x-amz-date']\n\
        \x20   right = selfcheck.payload(case['keys'], case['host'], case['region'])\n\
        \x20   right['user-agent'] = sent['user-agent']\n\
        \x20   if right != sent:\n\
        \x20       wrong.append([right, sent])\n\
        print(json.dumps(wrong))\n";
    let mut python = Command::new("python3")
        .args(["-c", program])
        .arg(rig())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut stdin = python.stdin.take().expect("stdin");
    stdin
        .write_all(json!(cases).to_string().as_bytes())
        .expect("written");
    drop(stdin);
    let output = python.wait_with_output().expect("an end");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "[]",
        "SEED={seed}"
    );
}

/// xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).expect("small")).expect("small")
    }

    /// Up to `most` visible characters of ASCII, at least one.
    fn text(&mut self, most: usize) -> String {
        let length = 1 + self.below(most);
        (0..length)
            .map(|_| char::from(b'!' + u8::try_from(self.below(94)).expect("small")))
            .collect()
    }
}
