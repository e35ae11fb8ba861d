use super::*;

async fn answer(stdout: &'static [u8], stderr: &'static [u8], exit: transport::Exit) -> String {
    let running = Running {
        stdin: None,
        stdout: Box::pin(stdout),
        stderr: Box::pin(stderr),
        exit: Box::pin(async move { Ok(exit) }),
    };
    let mut frames = Frames::after_mark("MARK");
    let error = read_all(running, &mut frames).await.expect_err("no mark");
    error.to_string()
}

#[tokio::test]
async fn what_ran_in_place_of_our_command_is_shown() {
    let root = b"Please login as the user \"ec2-user\" rather than the user \"root\".\n\n";
    let error = answer(root, b"", transport::Exit::Code(142)).await;
    assert!(
        error.contains("    Please login as the user \"ec2-user\""),
        "{error}"
    );
    assert!(error.contains("ended with status 142"), "{error}");
    let nologin = b"This account is currently not available.\n";
    let error = answer(nologin, b"", transport::Exit::Code(1)).await;
    assert!(
        error.contains("not available") && error.contains("help:"),
        "{error}"
    );
    let error = answer(
        b"\x1b[2Jfrom stdout\n",
        b"from stderr",
        transport::Exit::Lost,
    )
    .await;
    assert!(error.contains("from stderr; it printed:"), "{error}");
    assert!(
        error.contains("from stdout") && !error.contains('\x1b'),
        "{error}"
    );
}

#[tokio::test]
async fn complaints_are_read_while_the_answer_is_waited_for() {
    use tokio::io::AsyncWriteExt;
    let (mut err, stderr) = tokio::io::duplex(1024);
    let (mut out, stdout) = tokio::io::duplex(1024);
    let host = async move {
        err.write_all(&vec![b'x'; 4 << 20]).await.expect("read");
        out.write_all(b"MARK\nhost end 0:\n").await.expect("read");
    };
    let running = Running {
        stdin: None,
        stdout: Box::pin(stdout),
        stderr: Box::pin(stderr),
        exit: Box::pin(std::future::pending()),
    };
    let mut frames = Frames::after_mark("MARK");
    let reading = async { tokio::join!(read_all(running, &mut frames), host) };
    let read = tokio::time::timeout(Duration::from_secs(30), reading).await;
    read.expect("nobody waits for the other")
        .0
        .expect("an answer");
}

#[tokio::test]
async fn an_early_end_is_no_debug_of_ours_and_long_words_are_cut() {
    let error = answer(b"", b"", transport::Exit::Code(1)).await;
    assert!(error.contains("it ended with status 1\n"), "{error}");
    let flood: &'static [u8] = &[b'x'; 100_000];
    let error = answer(flood, b"", transport::Exit::Code(0)).await;
    assert!(error.len() < 1000, "{}", error.len());
}
