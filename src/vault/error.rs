use std::path::PathBuf;

use object_store::Error as StoreError;
use sidecart_engine::STATE_VERSION;

use crate::identity::IdentityError;

/// Why checkpoints cannot be kept in the object store, or not be had from there.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The place cannot be used as it is configured.
    #[error("`storage.remote.url` `{url}` cannot be used: {why}")]
    Place {
        /// As configured.
        url: String,
        /// What is wrong, and the remedy.
        why: String,
    },
    /// The store refused.
    #[error("cannot {action} `{object}` at `{url}`: {}: {}", said(cause), remedy(cause, url))]
    Store {
        /// What was tried.
        action: &'static str,
        /// On which object.
        object: String,
        /// Where.
        url: String,
        /// What the store said. Not a `source`: the message has told all of it.
        cause: StoreError,
    },
    /// This machine's own disk refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The name of the log cannot be kept.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The place is another log's.
    #[error(
        "`{url}` holds checkpoints of {found}, and this data folder belongs to {ours}: give each log a place of its own \
         by another prefix in `storage.remote.url`; or start with an empty data folder to go on from what is there"
    )]
    Foreign {
        /// Where.
        url: String,
        /// Whose they are.
        found: String,
        /// Whose this folder is.
        ours: String,
    },
    /// There is more than one log, and nothing to choose by.
    #[error(
        "`{url}` holds checkpoints of several logs ({}): move all but one away, or give another prefix in \
         `storage.remote.url`", .found.join(", ")
    )]
    Ambiguous {
        /// Where.
        url: String,
        /// Whose they are.
        found: Vec<String>,
    },
    /// The local file is not whole.
    #[error("`{}` is damaged: it is not uploaded, the next checkpoint is", .0.display())]
    NotWhole(PathBuf),
    /// The task is gone.
    #[error("the server is stopping")]
    Stopping,
    /// One cannot be read back.
    #[error("`{object}` is damaged ({what}): it is skipped, delete it")]
    Damaged {
        /// Which.
        object: String,
        /// How that shows.
        what: &'static str,
    },
    /// One is of another version.
    #[error(
        "`{object}` holds state version {found}, this Sidecart ({}) reads {STATE_VERSION}: start the Sidecart that wrote \
         it ({by}), or a newer one", env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// Which.
        object: String,
        /// The version of its state.
        found: u32,
        /// The Sidecart that wrote it.
        by: String,
    },
    /// There are checkpoints, and none can be used.
    #[error(
        "none of the {} checkpoints at `{url}` can be used: {}; to start without them, set `storage.remote.restore: false`",
        .reasons.len(), .reasons.join("; ")
    )]
    NoneUsable {
        /// Where.
        url: String,
        /// Why not, one by one.
        reasons: Vec<String>,
    },
}

impl VaultError {
    /// Whether trying again can help without anybody changing anything.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Store { cause, .. } => matches!(cause, StoreError::Generic { .. } | StoreError::JoinError { .. }),
            Self::Io { .. } => true,
            _ => false,
        }
    }
}

/// What a store said, without the layers that its client puts around it.
fn said(error: &StoreError) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let (whole, deepest) = (error.to_string(), deepest.to_string());
    if let Some(answer) = whole.split_once(STATUS).and_then(|(_, answer)| answered(answer)) {
        answer
    } else if whole.contains(&deepest) {
        whole
    } else {
        format!("{whole}: {deepest}")
    }
}

/// What stands before the status of an answer, in the crate's text.
const STATUS: &str = "status code: ";

/// The status, the code and the first line of the message of an answer as all three stores give it: XML, of many lines.
fn answered(answer: &str) -> Option<String> {
    let (status, body) = answer.split_once(": ")?;
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    };
    let (code, message) = (element("Code")?, element("Message")?.lines().next()?);
    Some(format!("the store says {status}, `{code}`: {}", message.trim_end_matches('.')))
}

/// What is behind an error, as far as somebody has to do something else about it.
enum Cause {
    /// The bucket or container is not there.
    Missing,
    /// There are no credentials: the client has looked for those that a cloud gives its machines.
    NoCredentials,
    /// The store does not know the credentials.
    Unknown,
    /// The credentials may not do it.
    Forbidden,
    /// The network, the store, or anything else.
    Other,
}

/// Addresses at which clouds give their machines credentials.
const MACHINES_OWN: [&str; 3] = ["169.254.169.254", "169.254.170.2", "metadata.google.internal"];
/// What S3 and Azure say to credentials that they don't know, with a status that is not of its own.
const NOT_KNOWN: [&str; 5] =
    ["InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "failed to authenticate"];

fn cause(error: &StoreError) -> Cause {
    let text = error.to_string();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // Of a list that failed, the crate gives the status in its text only.
    let status = |code: &str| text.contains(&format!("{STATUS}{code} "));
    match error {
        _ if has(&MACHINES_OWN) => Cause::NoCredentials,
        _ if has(&NOT_KNOWN) => Cause::Unknown,
        _ if matches!(error, StoreError::NotFound { .. }) || status("404") => Cause::Missing,
        _ if matches!(error, StoreError::Unauthenticated { .. }) || status("401") => Cause::Unknown,
        _ if matches!(error, StoreError::PermissionDenied { .. }) || status("403") => Cause::Forbidden,
        _ => Cause::Other,
    }
}

/// What to do about it.
fn remedy(error: &StoreError, url: &str) -> String {
    match cause(error) {
        Cause::Missing if url.starts_with("s3:") => {
            "does the bucket exist, and is it in the region that is configured? Check `storage.remote.url` and `.region`"
                .into()
        }
        Cause::Missing if url.starts_with("az:") => {
            "does the container exist, and in this account? Sidecart makes none: check `storage.remote.url` and \
             AZURE_STORAGE_ACCOUNT_NAME"
                .into()
        }
        Cause::Missing => "does the bucket exist? Sidecart makes none: check `storage.remote.url`".into(),
        Cause::NoCredentials => {
            format!("there are no credentials, neither in the environment nor from the machine: set {}", credentials(url))
        }
        Cause::Unknown => format!("the store does not know these credentials: check {}", credentials(url)),
        Cause::Forbidden => {
            "these credentials may not do that: allow listing, reading, writing and deleting below the prefix".into()
        }
        Cause::Other => "it is tried again; if it stays so, check `storage.remote.url`, `.endpoint` and the network, and \
                         that the credentials are in the environment"
            .into(),
    }
}

/// Where the credentials for a place are read from, for messages; a store's client knows more ways.
pub fn credentials(url: &str) -> &'static str {
    match url.split(':').next() {
        Some("gs") => "GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS, the path of a key file",
        Some("az") => {
            "AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY, or with AZURE_STORAGE_CLIENT_ID, _CLIENT_SECRET \
             and _TENANT_ID"
        }
        _ => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(url: &str, text: &str) -> String {
        let cause = StoreError::Generic { store: "S3", source: text.into() };
        VaultError::Store { action: "list", object: "*".into(), url: url.into(), cause }.to_string()
    }

    #[test]
    fn of_an_answer_that_refuses_the_words_are_left_and_the_remedy_is_that_of_the_store() {
        let xml = "<?xml?>\n<Error>\n  <Code>AuthenticationFailed</Code>\n  <Message>Server failed to authenticate the request.\n\
                   RequestId:1</Message>\n</Error>";
        let text =
            format!("Error performing GET http://x/y - Server returned non-2xx status code: 403 Forbidden: {xml}");
        let says = "cannot list `*` at `az://c/p`: the store says 403 Forbidden, `AuthenticationFailed`: Server failed to \
                    authenticate the request: the store does not know these credentials: check AZURE_STORAGE_ACCOUNT_NAME";
        let message = message("az://c/p", &text);
        assert!(message.starts_with(says), "{message}");
    }

    #[test]
    fn each_cause_has_its_remedy() {
        for (url, text, remedy) in [
            ("s3://b/p", "status code: 404 Not Found: <Code>NoSuchBucket</Code>", "in the region that is configured"),
            ("gs://b/p", "status code: 404 Not Found: gone", "does the bucket exist?"),
            ("az://b/p", "status code: 404 Not Found: gone", "does the container exist, and in this account?"),
            ("gs://b/p", "status code: 401 Unauthorized: ", "check GOOGLE_SERVICE_ACCOUNT"),
            ("gs://b/p", "status code: 403 Forbidden: <Code>AccessDenied</Code>", "may not do that: allow listing"),
            ("s3://b/p", "status code: 400 Bad Request: <Code>ExpiredToken</Code>", "check AWS_ACCESS_KEY_ID"),
            ("s3://b/p", "PUT http://169.254.169.254/latest/api/token", "there are no credentials"),
            ("s3://b/p", "Connection refused", "`.endpoint` and the network"),
        ] {
            let message = message(url, text);
            assert!(message.contains(remedy), "{message}");
        }
    }
}
