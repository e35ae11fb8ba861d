//! From a stream to a session: greeting, TLS, login.

use mysql_common::{
    auth::plugins::{AuthProc, ChallengeResponsePlugin as _, Context, Response},
    constants::CapabilityFlags,
    io::ParseBuf,
    packets::{AuthPlugin, AuthSwitchRequest, HandshakePacket, HandshakeResponse, SslRequest},
};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{
    Server,
    error::{Error, Stage},
    packets::{LONGEST_PACKET, PacketError, Packets, WrapError},
    symptom::ErrorContext,
};
use crate::transport::dial::{Dial, Stream};

/// Most rounds of one login. The longest known here, caching_sha2_password after a switch, has four.
const MOST_ROUNDS: usize = 8;

/// `utf8mb4_general_ci`: names come in UTF-8.
const UTF8: u8 = 45;

/// Dials, and logs in. All of it has one deadline.
pub async fn open(
    dial: &dyn Dial,
    context: ErrorContext<'_>,
    until: Instant,
) -> Result<Packets, Error> {
    let server = context.server;
    let stream = match timeout_at(until, dial.dial(&server.host, server.port)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(context.dial(&error)),
        Err(_) => return Err(context.late(Stage::Tcp)),
    };
    let mut packets = Packets::over(stream);
    let greeting = packets
        .read(until)
        .await
        .map_err(|error| context.packet(Stage::Greeting, error))?;
    let greeting =
        read_greeting(&greeting).map_err(|error| context.packet(Stage::Greeting, error))?;
    let mut flags = WANTED | CapabilityFlags::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA;
    if let Some(roots) = &server.roots {
        if !greeting
            .capabilities()
            .contains(CapabilityFlags::CLIENT_SSL)
        {
            return Err(context.no_tls());
        }
        flags |= CapabilityFlags::CLIENT_SSL;
        let Ok(name) = ServerName::try_from(server.host.clone()) else {
            return Err(context.no_tls_name());
        };
        let request = SslRequest::new(flags, LONGEST_PACKET, UTF8);
        packets
            .send(&request, until)
            .await
            .map_err(|error| context.packet(Stage::Tls, error))?;
        let connector = TlsConnector::from(roots.client());
        let secured = packets.wrapped(async |stream: Stream| {
            match timeout_at(until, connector.connect(name, stream)).await {
                Ok(Ok(stream)) => Ok(Box::new(stream) as Stream),
                Ok(Err(error)) => Err(context.tls(&error)),
                Err(_) => Err(context.late(Stage::Tls)),
            }
        });
        packets = match secured.await {
            Ok(packets) => packets,
            Err(WrapError::Wrap(error)) => return Err(error),
            Err(WrapError::Early) => {
                let odd = PacketError::Odd("more than a greeting came before TLS");
                return Err(context.packet(Stage::Tls, odd));
            }
        };
    }
    flags &= greeting.capabilities() | CapabilityFlags::CLIENT_CONNECT_WITH_DB;
    let login = Login {
        packets: &mut packets,
        server,
        until,
        nonce: greeting.nonce(),
    };
    login
        .run(&greeting, flags)
        .await
        .map_err(|error| match error {
            NoLogin::Packet(error) => context.packet(Stage::Login, error),
            NoLogin::Plugin(name) => context.plugin(&name),
            NoLogin::NeedsTls(name) => context.needs_tls(&name),
        })?;
    Ok(packets)
}

/// What a session here needs of a server; MySQL has had it since 4.1, MariaDB always.
const WANTED: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
    .union(CapabilityFlags::CLIENT_LONG_PASSWORD)
    .union(CapabilityFlags::CLIENT_LONG_FLAG)
    .union(CapabilityFlags::CLIENT_TRANSACTIONS)
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH)
    .union(CapabilityFlags::CLIENT_CONNECT_WITH_DB);

/// The greeting of protocol 10.
fn read_greeting(packet: &[u8]) -> Result<HandshakePacket<'_>, PacketError> {
    const ODD: PacketError = PacketError::Odd("the greeting is none of MySQL's");
    // After the version's text: 20 bytes, then the length of the nonce, which mysql_common 0.38
    // takes for a signed number and subtracts from.
    let text = packet.iter().position(|byte| *byte == 0).ok_or(ODD)?;
    if packet[0] != 10 || packet.get(text + 21).is_none_or(|length| *length > 0x7f) {
        return Err(ODD);
    }
    let greeting: HandshakePacket<'_> = ParseBuf(packet).parse(()).map_err(|_| ODD)?;
    let needed = CapabilityFlags::CLIENT_PROTOCOL_41
        | CapabilityFlags::CLIENT_SECURE_CONNECTION
        | CapabilityFlags::CLIENT_PLUGIN_AUTH;
    match greeting.capabilities().contains(needed) {
        true => Ok(greeting),
        false => Err(PacketError::Odd(
            "the server is too old: MySQL 5.5.7 or newer is needed",
        )),
    }
}

/// Why there is no session.
enum NoLogin {
    Packet(PacketError),
    /// A plugin that is not spoken here.
    Plugin(String),
    /// A plugin that shows the server the password itself.
    NeedsTls(String),
}

impl From<PacketError> for NoLogin {
    fn from(error: PacketError) -> Self {
        Self::Packet(error)
    }
}

struct Login<'l> {
    packets: &'l mut Packets,
    server: &'l Server,
    until: Instant,
    nonce: Vec<u8>,
}

impl Login<'_> {
    async fn run(
        mut self,
        greeting: &HandshakePacket<'_>,
        flags: CapabilityFlags,
    ) -> Result<(), NoLogin> {
        // The server's own default may be none that this user has; it then asks for another.
        let offered = greeting.auth_plugin().map(AuthPlugin::into_owned);
        let first = offered.filter(|plugin| self.may_use(plugin).is_ok());
        let plugin = first.unwrap_or(AuthPlugin::MysqlNativePassword);
        let mut procedure = self.begin(&plugin)?;
        let nonce = self.nonce.clone();
        let answer = self
            .step(&mut procedure, &plugin, &nonce)?
            .unwrap_or_default();
        let response = HandshakeResponse::new(
            Some(answer),
            (8, 0, 0),
            Some(self.server.user.as_bytes()),
            Some(self.server.database.as_bytes()),
            Some(plugin.clone()),
            flags,
            None,
            LONGEST_PACKET,
        );
        self.packets.send(&response, self.until).await?;
        let mut plugin = plugin;
        for _ in 0..MOST_ROUNDS {
            let packet = self.packets.read(self.until).await?;
            let answer = match packet.as_slice() {
                [0x00, ..] => return Ok(()),
                [0x01, challenge @ ..] => self.step(&mut procedure, &plugin, challenge)?,
                [0xfe] => return Err(NoLogin::Plugin("mysql_old_password".into())),
                [0xfe, ..] => {
                    let switch: AuthSwitchRequest<'_> = ParseBuf(&packet)
                        .parse(())
                        .map_err(|_| PacketError::Odd("a switch of logins that cannot be read"))?;
                    plugin = switch.auth_plugin().into_owned();
                    procedure = self.begin(&plugin)?;
                    let data = switch.plugin_data();
                    self.nonce = data.strip_suffix(&[0]).unwrap_or(data).to_vec();
                    let nonce = self.nonce.clone();
                    self.step(&mut procedure, &plugin, &nonce)?
                }
                _ => {
                    return Err(
                        PacketError::Odd("an answer to a login that MySQL does not give").into(),
                    );
                }
            };
            if let Some(answer) = answer {
                self.packets.write(&answer, self.until).await?;
            }
        }
        Err(PacketError::Odd("the login has no end").into())
    }

    /// Whether a plugin is spoken here, on this stream.
    fn may_use(&self, plugin: &AuthPlugin<'_>) -> Result<(), NoLogin> {
        let name = || String::from_utf8_lossy(plugin.as_bytes()).into_owned();
        match plugin {
            AuthPlugin::MysqlNativePassword | AuthPlugin::CachingSha2Password => Ok(()),
            // The password itself goes over: to a server that TLS has vouched for, or not at all.
            // The second is what RDS takes its IAM tokens with.
            AuthPlugin::Sha256Password | AuthPlugin::MysqlClearPassword => {
                match self.server.roots.is_some() {
                    true => Ok(()),
                    false => Err(NoLogin::NeedsTls(name())),
                }
            }
            _ => Err(NoLogin::Plugin(name())),
        }
    }

    fn begin(&self, plugin: &AuthPlugin<'_>) -> Result<AuthProc, NoLogin> {
        self.may_use(plugin)?;
        let name = || String::from_utf8_lossy(plugin.as_bytes()).into_owned();
        plugin.init().map_err(|_| NoLogin::Plugin(name()))
    }

    /// What is answered to a challenge, if anything.
    fn step(
        &self,
        procedure: &mut AuthProc,
        plugin: &AuthPlugin<'_>,
        challenge: &[u8],
    ) -> Result<Option<Vec<u8>>, NoLogin> {
        /// The server's cache does not know the password: it wants the password itself.
        const FULL: &[u8] = &[4];
        let in_clear = self.server.roots.is_none();
        if in_clear && *plugin == AuthPlugin::CachingSha2Password && challenge == FULL {
            return Err(NoLogin::NeedsTls("caching_sha2_password".into()));
        }
        match procedure.run(Secret(self), challenge) {
            Ok(Response::Next { packet } | Response::Last { packet }) => Ok(packet),
            Err(_) => {
                Err(PacketError::Odd("a challenge that the login's plugin does not have").into())
            }
        }
    }
}

/// What a login's plugin may see.
struct Secret<'l>(&'l Login<'l>);

impl Context for Secret<'_> {
    fn pass(&self) -> &[u8] {
        self.0.server.password.expose_secret().as_bytes()
    }

    fn is_ipc_transport(&self) -> bool {
        false
    }

    fn is_tls_transport(&self) -> bool {
        self.0.server.roots.is_some()
    }

    fn scramble(&self) -> &[u8] {
        &self.0.nonce
    }

    fn server_key_pem(&self) -> Option<&[u8]> {
        None
    }
}
