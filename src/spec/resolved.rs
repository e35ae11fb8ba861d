//! Temporary.
use super::types::{PropertyValue, StartFile};
use indexmap::IndexMap;
/// x
#[derive(Debug, Clone, Default)]
pub struct Client {
    pub java: Option<Java>,
    pub kafka: Option<Kafka>,
    pub msk_iam_auth: Option<MskIamAuth>,
    pub classpath: Option<Classpath>,
    pub properties: Option<Properties>,
}
#[derive(Debug, Clone)]
pub struct Java {
    pub version: String,
    pub package: Option<String>,
}
#[derive(Debug, Clone)]
pub struct Kafka {
    pub version: String,
    pub scala: String,
    pub url: String,
    pub sha512: Option<String>,
    pub home: String,
}
#[derive(Debug, Clone)]
pub struct MskIamAuth {
    pub version: String,
    pub url: String,
    pub sha256: Option<String>,
    pub role: Role,
}
impl MskIamAuth {
    pub fn file_name(&self) -> String {
        format!("aws-msk-iam-auth-{}-all.jar", self.version)
    }
}
#[derive(Debug, Clone)]
pub enum Role {
    Own,
    Arn(String),
    Name(String),
}
#[derive(Debug, Clone)]
pub struct Classpath {
    pub place: StartFile,
}
#[derive(Debug, Clone)]
pub struct Properties {
    pub path: String,
    pub extra: IndexMap<String, PropertyValue>,
    pub absent: Vec<String>,
}
