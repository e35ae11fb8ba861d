//! Answers that are late, cut, too many, or none of MySQL's.

use proptest::{prelude::*, sample::Index};
use trueup::lookup::mysql::{MOST_TABLES, Stage};

use crate::{
    fake::{END, OK, Offer, Peer, ask, column, greeting, packed},
    sweep::Sweep,
};

const OFFER: Offer = Offer {
    plugin: "mysql_native_password",
    tls: None,
};

/// A session up to the question.
async fn entered(peer: Peer) -> Peer {
    let (mut peer, _) = peer.greeted(&OFFER).await.expect("a login");
    peer.send(OK).await;
    peer
}

#[tokio::test(start_paused = true)]
async fn a_silence_is_told_with_its_stage() {
    for (packets, stage) in [
        (0, Stage::Greeting),
        (1, Stage::Login),
        (2, Stage::Query),
        (3, Stage::Query),
    ] {
        for closed in [false, true] {
            let (found, ()) = ask(None, async |mut peer| {
                if packets > 0 {
                    peer.send(&greeting(OFFER.plugin, false)).await;
                    peer.read().await;
                }
                if packets > 1 {
                    peer.send(OK).await;
                    peer.read().await;
                }
                if packets > 2 {
                    peer.statement().await;
                    peer.read().await;
                }
                if !closed {
                    peer.end().await;
                }
            })
            .await;
            let error = found.expect_err("nothing came");
            assert_eq!(error.stage, stage, "{packets}: {error}");
            let said = match (closed, stage) {
                (true, _) => "the connection was closed",
                (false, Stage::Greeting) => "connected, and no greeting within 30s",
                (false, _) => "no answer within 30s",
            };
            assert_eq!(error.message, said, "{packets}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_without_end_is_left() {
    let rows = |count: usize| async move {
        let (found, ()) = ask(None, async |peer| {
            let mut peer = entered(peer).await;
            let names: Vec<String> = (0..count).map(|number| format!("t{number:05}")).collect();
            let names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
            peer.tables(&names).await;
            peer.end().await;
        })
        .await;
        found
    };
    assert_eq!(rows(MOST_TABLES).await.expect("tables").len(), MOST_TABLES);
    // One more is what the question asks for, so that too many can be told from enough.
    assert_eq!(
        rows(MOST_TABLES + 1).await.expect("tables").len(),
        MOST_TABLES + 1
    );
    let error = rows(MOST_TABLES + 2).await.expect_err("too many");
    assert_eq!(error.stage, Stage::Query);
    // Nor does a login go on for ever.
    let (found, ()) = ask(None, async |peer| {
        let (mut peer, _) = peer.greeted(&OFFER).await.expect("a login");
        for _ in 0..100 {
            peer.send(
                &[
                    &[0xfe],
                    &b"mysql_native_password\0abcdefghijklmnopqrst\0"[..],
                ]
                .concat(),
            )
            .await;
            if peer.read().await.is_empty() {
                break;
            }
        }
    })
    .await;
    assert_eq!(found.expect_err("no end").message, "the login has no end");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_mysql_is_called_so() {
    let mut signed = greeting(OFFER.plugin, false);
    // Where mysql_common 0.38 would subtract from the least number that there is.
    let length = signed
        .iter()
        .rposition(|byte| *byte == 21)
        .expect("the nonce's length");
    signed[length] = 0x80;
    let frame = |packet: &[u8]| {
        let length = u8::try_from(packet.len()).expect("short");
        [&[length, 0, 0, 0], packet].concat()
    };
    for bytes in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        frame(&signed),
        frame(&[10]),
        frame(&[9, b'x', 0]),
        frame(&[]),
        frame(&[0xff]),
    ] {
        let (found, ()) = ask(None, async |mut peer| {
            peer.raw(&bytes).await;
            peer.end().await;
        })
        .await;
        let error = found.expect_err("no greeting");
        assert_eq!(error.stage, Stage::Greeting, "{error}");
        assert!(error.help.contains("MySQL"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_kind_is_not_believed() {
    let file = [&[0xfb], &b"/etc/passwd"[..]].concat();
    let null = [0, 4];
    // A type that mysql_common 0.38 panics at.
    let mut unknown = column();
    let at = unknown.len() - 6;
    assert_eq!(std::mem::replace(&mut unknown[at], 0xf3), 253);
    let (found, ()) = ask(None, async |peer| {
        let mut peer = entered(peer).await;
        peer.read().await;
        peer.statement().await;
        peer.read().await;
        for packet in [&[1][..], &unknown, END, &packed(b"pin"), END] {
            peer.send(packet).await;
        }
        peer.end().await;
    })
    .await;
    assert_eq!(found.expect_err("no text").stage, Stage::Query);
    for (result, row) in [
        // "Send me this file."
        (Some(&file[..]), None),
        (Some(OK), None),
        (Some(&[2][..]), None),
        (None, Some(&null[..])),
        (None, Some(&[0, 0, 2, 0xc3, 0x28][..])),
        (None, Some(&[0, 0, 9, b'x'][..])),
    ] {
        let (found, heard) = ask(None, async |peer| {
            let mut peer = entered(peer).await;
            peer.read().await;
            peer.statement().await;
            peer.read().await;
            match result {
                Some(result) => peer.send(result).await,
                None => {
                    peer.send(&[1]).await;
                    peer.send(&column()).await;
                    peer.send(END).await;
                }
            }
            if let Some(row) = row {
                peer.send(row).await;
            }
            peer.send(END).await;
            let before = peer.heard.len();
            peer.end().await;
            peer.heard.split_off(before)
        })
        .await;
        let error = found.expect_err("not a list");
        assert_eq!(error.stage, Stage::Query, "{error}");
        assert_eq!(heard, [0_u8; 0], "the client answered");
    }
}

/// Every packet of a whole session.
fn session() -> Vec<Vec<u8>> {
    let mut all = vec![greeting(OFFER.plugin, false), OK.to_vec()];
    all.push(vec![0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
    all.extend([column(), END.to_vec(), column(), END.to_vec()]);
    all.extend([vec![1], column(), END.to_vec()]);
    all.extend([packed(b"pin"), packed(b"geo"), END.to_vec()]);
    all
}

#[test]
fn spoiled_answers_do_no_harm() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let spoiling = proptest::collection::vec((any::<Index>(), any::<Index>(), any::<u8>()), 0..4);
    let cut = proptest::option::of((any::<Index>(), any::<Index>()));
    let fault = "lied to: a database's answers, spoiled at random";
    Sweep::cases(
        fault,
        (3_000, 100_000),
        &(spoiling, cut),
        |(spoiling, cut)| {
            let mut packets = session();
            for (packet, byte, value) in &spoiling {
                let packet = packet.index(packets.len());
                let at = byte.index(packets[packet].len());
                packets[packet][at] = *value;
            }
            if let Some((packet, length)) = &cut {
                let packet = packet.index(packets.len());
                let length = length.index(packets[packet].len() + 1);
                packets[packet].truncate(length);
            }
            let whole = spoiling.is_empty() && cut.is_none();
            let (found, ()) = runtime.block_on(ask(None, async |mut peer: Peer| {
                // What the client waits for comes after each of its own.
                for part in [&packets[..1], &packets[1..2], &packets[2..7], &packets[7..]] {
                    for packet in part {
                        peer.send(packet).await;
                    }
                    if peer.read().await.is_empty() {
                        return;
                    }
                }
            }));
            if whole {
                prop_assert_eq!(found.expect("a list"), ["geo", "pin"]);
            } else if let Ok(tables) = found {
                prop_assert!(tables.len() <= 2);
            }
            Ok(())
        },
    );
}
