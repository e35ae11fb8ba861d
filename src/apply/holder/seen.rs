//! What the holder has seen as soon as it had the lock: far away round trips are what takes the time.

use tokio::time::timeout;

use super::Writer;
use crate::{
    apply::error::WriteError,
    frame::Record,
    meter::{Call, Phase},
    observe::{self, Facts},
    transport,
};

/// What logs call it.
const NAME: &str = "probe";

impl Writer<'_> {
    /// What was seen with the lock that was just taken, once; `None` where the machine was not asked
    /// to look, or did not come to its end with it: the next probe reports why.
    ///
    /// # Errors
    /// When the answer is not made of records, or late. The lock is of no use then.
    pub async fn seen(&mut self) -> Result<Option<Facts>, observe::Error> {
        let Some(look) = self.looks.take() else {
            return Ok(None);
        };
        let got = self.got;
        self.frames.begin_anew();
        let (place, limit) = (self.connection.address(), self.answer);
        let late = |_| transport::Error::timed_out(place, NAME, limit);
        let records = match timeout(limit, self.records()).await.map_err(late)? {
            Ok(records) => records,
            Err(WriteError::Garbled(garbled)) => return Err(garbled.into()),
            Err(_) => return Ok(None),
        };
        Call {
            phase: Phase::Probe,
            name: NAME,
            place,
            took: look.started.elapsed(),
            round_trips: None,
            sent: 0,
            got: self.got - got,
            detail: "with the lock",
        }
        .log();
        Ok(records.map(|records| Facts::of(records, look.asked)))
    }

    /// Those of a look that has come to its end.
    async fn records(&mut self) -> Result<Option<Vec<Record>>, WriteError> {
        let mut records = Vec::new();
        let mut whole = false;
        loop {
            let record = self.next().await?;
            if record.section == "apply" && record.key == "looked" {
                return Ok(whole.then_some(records));
            }
            whole |= observe::is_end(&record);
            records.push(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncWriteExt, DuplexStream},
        sync::watch,
    };

    use super::*;
    use crate::apply::holder::tests::{ANSWER, LOCKED, Machine, lock};

    async fn seen(text: &str) -> (Result<Option<Facts>, observe::Error>, DuplexStream) {
        let (_sender, mut stop) = watch::channel(0);
        let (machine, mut speak, _listen) = Machine::printing(LOCKED);
        let mut writer = lock(&machine, &mut stop)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        speak.write_all(text.as_bytes()).await.expect("written");
        let seen = writer.seen().await;
        assert!(matches!(writer.seen().await, Ok(None)), "it is seen once");
        (seen, speak)
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_with_the_lock_is_whole_or_none() {
        let whole = "host user 8:ec2-user\nhost end 0:\napply looked 0:\n";
        let (facts, _speak) = seen(whole).await;
        let facts = facts.expect("read").expect("whole");
        let user = facts.reply.section("host").get("user");
        assert_eq!(user.as_deref(), Some("ec2-user"));

        let (facts, _speak) = seen("host user 8:ec2-user\napply looked 0:\n").await;
        assert!(facts.expect("read").is_none(), "it came to no end");

        let (error, _speak) = seen("rm: cannot remove\n").await;
        let error = error.expect_err("no record").to_string();
        assert!(error.contains("cannot remove"), "{error}");

        let before = tokio::time::Instant::now();
        let (error, _speak) = seen("host user 8:ec2-user\n").await;
        assert_eq!(before.elapsed(), ANSWER);
        let error = error.expect_err("late").to_string();
        assert!(
            error.contains("no answer to `probe` within 30 s"),
            "{error}"
        );
    }
}
