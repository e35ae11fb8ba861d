//! What a MySQL server says, from its greeting to its rows.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use trueup::{
    lookup::mysql::{MOST_TABLES, Server, tables},
    transport::dial::{Dial, DialError, Stream},
};

use super::{PASSWORD, frames::Turns, knows_the_password, shown::fit_to_show, within};

/// Dials once.
struct To(Mutex<Option<DuplexStream>>);

#[async_trait]
impl Dial for To {
    async fn dial(&self, _: &str, _: u16) -> Result<Stream, DialError> {
        let stream = self.0.lock().expect("nobody panics with it").take();
        Ok(Box::new(stream.expect("one connection is enough")))
    }
}

/// Asks a server that says these bytes: as they are where the first one is odd, else as packets with
/// the heads that they should have. A marked one is the last before the client's turn.
pub fn mysql(bytes: &[u8]) {
    let Some((how, said)) = bytes.split_first() else {
        return;
    };
    if knows_the_password(said) {
        return;
    }
    // The stream between, and a packet of either side, of which a hostile head decides the size.
    within(bytes.len(), 64, 512 * 1024, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(ask(how % 2 == 1, said));
    });
}

async fn ask(raw: bool, said: &[u8]) {
    let (ours, theirs) = duplex(64 * 1024);
    let to = To(Mutex::new(Some(ours)));
    let server = Server {
        host: "db.example".into(),
        port: 3306,
        user: "reader".into(),
        password: SecretString::from(PASSWORD),
        database: "base".into(),
        roots: None,
    };
    let asking = tables(&to, "client", &server, Some("p%"), Duration::from_secs(30));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let playing = async {
        let mut peer = theirs;
        if raw {
            let _ = peer.write_all(said).await;
            let mut rest = Vec::new();
            let _ = peer.read_to_end(&mut rest).await;
            heard.lock().expect("ours").extend(rest);
        } else {
            play(&mut peer, &Turns::new(said), &heard).await;
        }
    };
    let (found, ()) = tokio::join!(asking, playing);
    match found {
        Ok(tables) => assert!(tables.len() <= MOST_TABLES + 1 && tables.is_sorted()),
        Err(error) => {
            let shown = error.to_string();
            fit_to_show(&shown);
            assert!(shown.contains("\n  help: ") && !format!("{error:?}").contains(PASSWORD));
        }
    }
    let heard = heard.lock().expect("ours");
    assert!(
        !knows_the_password(&heard),
        "the password went over without TLS"
    );
}

async fn play(peer: &mut DuplexStream, turns: &Turns, heard: &Mutex<Vec<u8>>) {
    let mut next = 0_u8;
    while let Some(turn) = turns.next() {
        let length = u32::try_from(turn.bytes.len())
            .expect("short")
            .to_le_bytes();
        let head = [length[0], length[1], length[2], next];
        next = next.wrapping_add(1);
        if peer
            .write_all(&[&head, &turn.bytes[..]].concat())
            .await
            .is_err()
        {
            return;
        }
        if !turn.marked {
            continue;
        }
        let mut head = [0; 4];
        if peer.read_exact(&mut head).await.is_err() {
            return;
        }
        let mut packet = vec![0; u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize];
        if peer.read_exact(&mut packet).await.is_err() {
            return;
        }
        next = head[3].wrapping_add(1);
        heard.lock().expect("ours").extend(packet);
    }
}
