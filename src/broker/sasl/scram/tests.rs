use proptest::prelude::*;

use super::*;

const OURS: &str = "rOprNGfwEbeRWgbNEkqO";
const CHALLENGE: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                         s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

fn conversation(hash: Hash, username: &str) -> ScramConversation {
    ScramConversation {
        scram: Scram {
            hash,
            username: username.into(),
            password: "pencil".into(),
        },
        state: State::New,
        nonce: Some(OURS.into()),
    }
}

fn text(token: Result<Option<Vec<u8>>, SaslError>) -> String {
    String::from_utf8(token.expect("no error").expect("a token")).expect("text")
}

#[test]
fn the_conversation_of_rfc_7677() {
    let mut client = conversation(Hash::Sha256, "user");
    assert_eq!(client.mechanism(), "SCRAM-SHA-256");
    assert_eq!(
        client.first().expect("a token"),
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    );
    assert_eq!(
        text(client.next(CHALLENGE.as_bytes())),
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    );
    let last = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    assert_eq!(client.next(last), Ok(None));
    assert!(client.next(last).is_err(), "the conversation is over");
}

/// The values were calculated with Python's hashlib.
#[test]
fn sha_512_and_an_escaped_name() {
    let mut client = conversation(Hash::Sha512, "a=b,c");
    assert_eq!(client.mechanism(), "SCRAM-SHA-512");
    assert_eq!(
        client.first().expect("a token"),
        b"n,,n=a=3Db=2Cc,r=rOprNGfwEbeRWgbNEkqO"
    );
    let proof = text(client.next(CHALLENGE.as_bytes()));
    assert!(
        proof.ends_with(
            ",p=0xkT+y4PCfsHjCxYybisONBzZtpR42hrEYoVrS8P7JbcTUAsX8pATw30JVmvLi6V54m4ka121j7/\
             Rg7ZNBLA5g=="
        ),
        "{proof}"
    );
    let last = b"v=25DmDvA3+5dUw/xuIDXu3e23LE2M8X9NuMzqfqOFE13zDzXE8SzfO8JQfo9dcWWu7IlR3D4yRUS4\
                 wOJ8bIpoug==";
    assert_eq!(client.next(last), Ok(None));
}

#[test]
fn a_broker_without_the_password_is_refused() {
    for last in [
        "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsg==",
        "v=",
        "v=!",
        "",
        "x=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ] {
        let mut client = conversation(Hash::Sha256, "user");
        client.first().expect("a token");
        client.next(CHALLENGE.as_bytes()).expect("a proof");
        let error = client.next(last.as_bytes()).expect_err(last);
        assert!(!error.message.is_empty() && !error.help.is_empty());
    }
}

#[test]
fn invalid_challenges_are_refused() {
    for (challenge, expected) in [
        ("r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "nonce"),
        (
            "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "nonce",
        ),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096", "salt"),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=?,i=4096", "base64"),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4095", "4095 iterations"),
        (
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=262145",
            "262145 iterations",
        ),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4294967295", "iterations"),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=99999999999", "iterations"),
        (
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=-1\x1b[2J",
            "-1\\u{1b}[2J iterations",
        ),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z", "`i=`"),
        ("m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096", "`r=`"),
        ("e=unknown-user", "refuses the user: unknown-user"),
        ("e=other\x1b[31m,x=1", "refuses the user: other\\u{1b}[31m"),
        ("", "`r=`"),
    ] {
        let mut client = conversation(Hash::Sha256, "user");
        client.first().expect("a token");
        let error = client.next(challenge.as_bytes()).expect_err(challenge);
        assert!(error.message.contains(expected), "{challenge}: {error}");
        assert!(!error.help.is_empty());
        // A failed conversation cannot go on.
        assert!(client.next(CHALLENGE.as_bytes()).is_err());
    }
    let mut client = conversation(Hash::Sha256, "user");
    client.first().expect("a token");
    assert!(client.next(&vec![b'r'; LONGEST + 1]).is_err());
}

#[test]
fn errors_of_the_broker_have_help() {
    for (error, help) in [
        ("invalid-proof", "password"),
        ("unknown-user", "no such SCRAM user"),
    ] {
        let mut client = conversation(Hash::Sha256, "user");
        client.first().expect("a token");
        client.next(CHALLENGE.as_bytes()).expect("a proof");
        let error = client
            .next(format!("e={error}").as_bytes())
            .expect_err("refused");
        assert!(error.help.contains(help), "{error:?}");
    }
}

#[test]
fn every_conversation_has_a_nonce_of_its_own() {
    let scram = conversation(Hash::Sha512, "user").scram;
    assert_eq!(scram.caller(), "user user");
    assert!(!format!("{scram:?}").contains("pencil"));
    let token = || scram.begin("b-1").first().expect("a token");
    let (first, second) = (token(), token());
    assert_ne!(first, second);
    assert_eq!(first.len(), "n,,n=user,r=".len() + 32);
}

proptest! {
    #[test]
    fn no_reply_panics(replies in prop::collection::vec(
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "(r=rOprNGfwEbeRWgbNEkqO[a-z,=]{0,4},)?s=[A-Za-z0-9=]{0,8},i=[0-9]{0,4}".prop_map(String::into_bytes),
        ],
        1..4,
    )) {
        let mut client = conversation(Hash::Sha256, "user");
        client.first().expect("a token");
        for reply in replies {
            if let Err(error) = client.next(&reply) {
                prop_assert!(!error.message.chars().any(char::is_control));
                prop_assert!(!error.message.contains("pencil"));
            }
        }
    }
}
