//! The SDK's HTTP client: HTTPS with the system's authorities, and the proxy that the environment names.

use std::collections::BTreeMap;

use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::exchange::RecordingClient;

/// A client whose requests are recorded (see [`exchange`](super::exchange)). TLS is rustls with ring, as for brokers: the SDK's own default would bring a C build
/// of minutes.
///
/// `HTTPS_PROXY` and `NO_PROXY` count, `HTTP_PROXY` does not: what AWS speaks in clear is an
/// instance's own metadata service, and a proxy would answer with credentials of its own.
pub fn client(environment: &BTreeMap<String, String>) -> SharedHttpClient {
    let either = |upper: &str, lower: &str| {
        let value = environment.get(lower).or_else(|| environment.get(upper));
        value.filter(|value| !value.is_empty()).cloned()
    };
    let proxy = either("HTTPS_PROXY", "https_proxy").and_then(|url| ProxyConfig::https(url).ok());
    let proxy = proxy.map(|proxy| match either("NO_PROXY", "no_proxy") {
        Some(rules) => proxy.no_proxy(rules),
        None => proxy,
    });
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder();
        builder.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            builder.set_sleep_impl(components.sleep_impl());
        }
        builder.set_proxy_config(proxy.clone());
        builder
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build()
    });
    SharedHttpClient::new(RecordingClient(client))
}
