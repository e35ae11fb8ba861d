//! Stub.
use super::*;
/// x
pub struct SshWay {
    pub name: String,
    pub address: String,
    pub port: Option<u16>,
    pub user: Option<String>,
    pub key_file: Option<std::path::PathBuf>,
    pub host_key: HostKeyPolicy,
}
/// x
pub enum HostKeyPolicy {
    Strict,
    AcceptNew,
    Pinned(Vec<String>),
}
/// x
pub struct Ssh;
impl Ssh {
    /// x
    pub async fn connect(_: &SshWay, _: std::time::Duration) -> Result<Self, Error> {
        Err(Error::Setup {
            what: "stub".into(),
            help: "stub".into(),
        })
    }
    /// x
    pub fn learned(&self) -> Option<String> {
        None
    }
}
#[async_trait]
impl Connection for Ssh {
    fn address(&self) -> &str {
        ""
    }
    async fn spawn(&self, _: &Script) -> Result<Running, Error> {
        unimplemented!()
    }
    async fn close(self: Box<Self>) {}
}
