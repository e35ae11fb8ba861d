//! Logging in.

use sha1::Sha1;
use sha2::{Digest, Sha256};
use trueup::lookup::mysql::Stage;

use crate::fake::{NONCE, OK, Offer, PASSWORD, ask, ask_as, error, greeting, tls};

fn xor(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(l, r)| l ^ r).collect()
}

/// `XOR(SHA256(password), SHA256(SHA256(SHA256(password)), nonce))`, as MySQL's manual has it.
fn sha2_answer(nonce: &[u8]) -> Vec<u8> {
    let once = Sha256::digest(PASSWORD);
    let twice = Sha256::digest(once);
    let both = Sha256::digest([&twice[..], nonce].concat());
    xor(&once, &both)
}

/// `XOR(SHA1(password), SHA1(nonce, SHA1(SHA1(password))))`.
fn native_answer(nonce: &[u8]) -> Vec<u8> {
    let once = Sha1::digest(PASSWORD);
    let twice = Sha1::digest(once);
    let both = Sha1::digest([nonce, &twice[..]].concat());
    xor(&once, &both)
}

#[tokio::test(start_paused = true)]
async fn caching_sha2_password_when_the_server_remembers() {
    for secure in [true, false] {
        let (acceptor, roots) = tls();
        let offer = Offer {
            plugin: "caching_sha2_password",
            tls: secure.then_some(acceptor),
        };
        let (found, (hello, like)) = ask_as(
            secure.then_some(roots),
            PASSWORD,
            Some("p'%"),
            async |peer| {
                let (mut peer, hello) = peer.greeted(&offer).await.expect("a login");
                peer.send(&[1, 3]).await;
                peer.send(OK).await;
                let like = peer.tables(&[b"pin", b"geo"]).await;
                peer.end().await;
                (hello, like)
            },
        )
        .await;
        assert_eq!(found.expect("tables"), ["geo", "pin"]);
        assert_eq!(like, "p'%");
        assert_eq!(hello.answer, sha2_answer(NONCE));
        let words = [&*hello.user, &*hello.database, &*hello.plugin];
        assert_eq!(words, ["reader", "base", "caching_sha2_password"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_password_itself_goes_within_tls_only() {
    let (acceptor, roots) = tls();
    let offer = Offer {
        plugin: "caching_sha2_password",
        tls: Some(acceptor),
    };
    let (found, password) = ask(Some(roots), async |peer| {
        let (mut peer, _) = peer.greeted(&offer).await.expect("a login");
        peer.send(&[1, 4]).await;
        let password = peer.read().await;
        peer.send(OK).await;
        peer.tables(&[b"pin"]).await;
        peer.end().await;
        password
    })
    .await;
    assert_eq!(found.expect("tables"), ["pin"]);
    assert_eq!(password, [PASSWORD.as_bytes(), b"\0"].concat());

    // In the clear: whichever way it is asked for, and neither as it is nor under the server's key.
    for plugin in [
        "caching_sha2_password",
        "sha256_password",
        "mysql_clear_password",
    ] {
        for at_once in [true, false] {
            let offer = Offer {
                plugin: if at_once {
                    plugin
                } else {
                    "mysql_native_password"
                },
                tls: None,
            };
            let (found, heard) = ask(None, async |peer| {
                let (mut peer, _) = peer.greeted(&offer).await.expect("a login");
                if !at_once || plugin != "caching_sha2_password" {
                    let switch = [&[0xfe], plugin.as_bytes(), b"\0", NONCE, b"\0"].concat();
                    peer.send(&switch).await;
                    if plugin == "caching_sha2_password" {
                        peer.read().await;
                    }
                }
                peer.send(&[1, 4]).await;
                peer.end().await;
                peer.heard
            })
            .await;
            let error = found.expect_err(plugin);
            assert_eq!(error.stage, Stage::Login, "{plugin} {at_once}: {error}");
            assert!(
                error.message.contains("wants the password itself"),
                "{error}"
            );
            let heard = String::from_utf8_lossy(&heard).into_owned();
            assert!(!heard.contains(PASSWORD), "{plugin}: {heard:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_may_ask_for_another_login() {
    let other = b"ABCDEFGHIJKLMNOPQRST";
    // One that we do not speak as the server's default is no reason to leave.
    for first in [
        "caching_sha2_password",
        "client_ed25519",
        "mysql_native_password",
    ] {
        let offer = Offer {
            plugin: first,
            tls: None,
        };
        let (found, answers) = ask(None, async |peer| {
            let (mut peer, hello) = peer.greeted(&offer).await.expect("a login");
            peer.send(&[&[0xfe], &b"mysql_native_password\0"[..], other, b"\0"].concat())
                .await;
            let answer = peer.read().await;
            peer.send(OK).await;
            peer.tables(&[]).await;
            peer.end().await;
            (hello.answer, answer)
        })
        .await;
        assert!(found.expect("tables").is_empty());
        let expected = match first {
            "caching_sha2_password" => sha2_answer(NONCE),
            _ => native_answer(NONCE),
        };
        assert_eq!(answers, (expected, native_answer(other)), "{first}");
    }
    for (plugin, said) in [
        (&b"parsec\0"[..], "`parsec`"),
        (b"dialog\0", "`dialog`"),
        (b"", "`mysql_old_password`"),
        (b"mysql_old_password\0", "`mysql_old_password`"),
    ] {
        let offer = Offer {
            plugin: "mysql_native_password",
            tls: None,
        };
        let (found, ()) = ask(None, async |peer| {
            let (mut peer, _) = peer.greeted(&offer).await.expect("a login");
            peer.send(&[&[0xfe], plugin].concat()).await;
            peer.end().await;
        })
        .await;
        let error = found.expect_err("not spoken");
        assert!(error.message.contains(said), "{error}");
        assert!(error.help.contains("`mysql_native_password`"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_iam_token_is_longer_than_passwords_are() {
    let token = "t".repeat(1700);
    // As RDS asks for it, and in the client's first words.
    for first in ["mysql_native_password", "mysql_clear_password"] {
        let (acceptor, roots) = tls();
        let offer = Offer {
            plugin: first,
            tls: Some(acceptor),
        };
        let (found, answer) = ask_as(Some(roots), &token, None, async |peer| {
            let (mut peer, hello) = peer.greeted(&offer).await.expect("a login");
            let mut answer = hello.answer;
            if first != "mysql_clear_password" {
                peer.send(&[&[0xfe], &b"mysql_clear_password\0"[..]].concat())
                    .await;
                answer = peer.read().await;
            }
            peer.send(OK).await;
            peer.tables(&[b"pin"]).await;
            peer.end().await;
            answer
        })
        .await;
        assert_eq!(found.expect("tables"), ["pin"]);
        assert_eq!(answer, [token.as_bytes(), b"\0"].concat());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_of_us_before_tls_is_there() {
    // Offered no TLS, and offered what was slipped in before it.
    let (_, roots) = tls();
    let (found, heard) = ask(Some(roots.clone()), async |mut peer| {
        peer.send(&greeting("mysql_native_password", false)).await;
        peer.end().await;
        peer.heard
    })
    .await;
    let error = found.expect_err("no TLS");
    assert_eq!(error.stage, Stage::Tls);
    assert!(error.help.contains("`tls: false`"), "{error}");
    assert_eq!(heard, [0_u8; 0], "the client spoke");
    let (found, heard) = ask(Some(roots), async |mut peer| {
        let greeting = greeting("mysql_native_password", true);
        let length = u8::try_from(greeting.len()).expect("short");
        let slipped = [&[length, 0, 0, 0], &greeting[..], &[7, 0, 0, 2], OK].concat();
        peer.raw(&slipped).await;
        peer.end().await;
        peer.heard
    })
    .await;
    let error = found.expect_err("slipped in");
    assert!(error.message.contains("before TLS"), "{error}");
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!(!heard.contains("reader"), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_with_its_stage() {
    let greeted = |code, text: &'static str| async move {
        let (found, ()) = ask(None, async |mut peer| {
            peer.send(&error(code, "", text)).await;
            peer.end().await;
        })
        .await;
        found.expect_err("refused")
    };
    let full = greeted(1040, "Too many connections").await;
    assert_eq!((full.stage, full.code), (Stage::Greeting, Some(1040)));
    assert_eq!(
        full.to_string(),
        "the database of the tables refused us at once, after DNS and TCP were fine\n  \
         server  db.example:3306, through client\n  as      reader, into base\n  \
         said    Too many connections (1040)\n  \
         help: the server has as many connections as it takes: try again later"
    );
    let hostile = greeted(1129, "Host\x1b[2J is\n::error::blocked").await;
    assert!(!hostile.message.chars().any(char::is_control), "{hostile}");

    let offer = Offer {
        plugin: "mysql_native_password",
        tls: None,
    };
    let (found, ()) = ask(None, async |peer| {
        let (mut peer, _) = peer.greeted(&offer).await.expect("a login");
        peer.send(&error(1045, "#28000", "Access denied")).await;
        peer.end().await;
    })
    .await;
    let refused = found.expect_err("refused");
    assert_eq!((refused.stage, refused.code), (Stage::Login, Some(1045)));
    assert_eq!(refused.message, "Access denied (1045)");
    let (found, ()) = ask(None, async |peer| {
        let (mut peer, _) = peer.greeted(&offer).await.expect("a login");
        peer.send(OK).await;
        peer.read().await;
        peer.send(&error(1317, "#70100", "Query execution was interrupted"))
            .await;
        peer.end().await;
    })
    .await;
    let refused = found.expect_err("refused");
    assert_eq!(refused.stage, Stage::Query);
    assert!(
        refused
            .to_string()
            .contains("after DNS, TCP and login were fine"),
        "{refused}"
    );
}
