//! The rig's stand-ins, on ports of the loopback interface.

use super::*;

/// An account, with the rig's metadata service and STS on ports of the loopback interface.
pub struct Account {
    folder: TempDir,
    state: Value,
    imds: Server,
    sts: Server,
    pub dials: AtomicUsize,
}

/// A stand-in that runs until it is dropped.
pub struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts one of the rig's servers on a port that the system chooses; its first line names it.
    pub fn start(handler: &str, arguments: &[&Path]) -> Self {
        let module = handler.to_lowercase();
        let module = if module == "metadata" {
            "imds"
        } else {
            &module
        };
        let program = format!(
            "import sys\n\
             sys.dont_write_bytecode = True\n\
             sys.path.insert(0, sys.argv[1])\n\
             import serve, {module}\n\
             server = serve.Server(('127.0.0.1', 0), {module}.{handler}, *sys.argv[2:])\n\
             print(server.server_address[1], flush=True)\n\
             server.serve_forever()\n"
        );
        let mut child = Command::new("python3")
            .args(["-c", &program])
            .arg(rig())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("a line");
        let port = first.trim().parse().expect("a port");
        // The rest is a line a request: read, so that the server is never held up.
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        Self { child, port }
    }
}

/// Certificates for STS, made by the rig's own authority.
pub fn certificates(folder: &Path) {
    let made = Command::new("python3")
        .arg("-B")
        .arg(rig().join("ca.py"))
        .arg(folder)
        .arg(STS)
        .output()
        .expect("python3");
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(
        made.status.success(),
        "ca.py needs openssl and keytool: {said}"
    );
}

impl Account {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        certificates(folder.path());
        let state = json!({
            "region": "us-east-1",
            "account": "123456789012",
            "instance_id": "i-0123456789abcdef0",
            "role": "demo-access-role",
            "role_arn": ROLE,
            "trusts_itself": true,
            "instance": {"access_key": "ASIAINSTANCE", "secret": "CANARY/instance+secret", "token": "CANARY/instance=token"},
            "issued": {"access_key": "ASIAISSUED", "secret": "CANARY/issued+<&>secret", "token": "CANARY/issued=token"},
        });
        let file = folder.path().join("state.json");
        std::fs::write(&file, state.to_string()).expect("written");
        let certificate = folder.path().join(format!("{STS}.pem"));
        Self {
            imds: Server::start("Metadata", &[&file]),
            sts: Server::start("Sts", &[&file, &certificate]),
            dials: AtomicUsize::new(0),
            state,
            folder,
        }
    }

    pub fn set(&mut self, key: &str, value: Value) {
        self.state[key] = value;
        let file = self.folder.path().join("state.json");
        std::fs::write(file, self.state.to_string()).expect("written");
    }

    pub fn tls(&self) -> Arc<ClientConfig> {
        tls(self.folder.path())
    }

    pub async fn role(&self) -> Result<InstanceRole, CredentialsError> {
        checked(imds::instance_role(self, soon()).await)
    }

    pub async fn assume(
        &self,
        role: &Role<'_>,
        credentials: &Credentials,
        clock: Clock,
    ) -> Result<Assumed, CredentialsError> {
        checked(sts::assume_role(self, self.tls(), role, credentials, clock, soon()).await)
    }
}

/// The roots that ca.py made.
pub fn tls(folder: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(folder.join("ca.pem")).expect("a certificate");
    roots.add(ca).expect("a root");
    client(roots)
}

pub fn client(roots: RootCertStore) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

#[async_trait]
impl Dial for Account {
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError> {
        let to = match (host, port) {
            ("169.254.169.254", 80) => self.imds.port,
            (STS, 443) => self.sts.port,
            other => panic!("dialled {other:?}"),
        };
        self.dials.fetch_add(1, Ordering::Relaxed);
        match TcpStream::connect(("127.0.0.1", to)).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(refused(DialStage::Tcp, &error.to_string())),
        }
    }
}
