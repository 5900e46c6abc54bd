use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::Whole;
use super::guard::Caller;
use super::name::Name;
use super::problem::{Problem, ProblemBody};
use crate::config::Difference;
use crate::in_force::{ChangeError, Failure, HistoryError, InForce, Keeper, Past, Source, Verdict, Wrong};
use crate::service::{GiveError, Given, MAX_REQUESTS, Service, USUAL_REQUESTS};
use crate::simulate::Report;
use crate::wire::scalar::{clip, rfc3339};

/// The config in force.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigView {
    /// Its version, as answers name it: a hash of its content.
    #[schema(example = "3f1c09aa51be")]
    pub version: String,
    /// Since when it is in force.
    pub since: String,
    /// Where it came from: `defaults`, `file`, `put`, `rollback` or `topic`.
    pub source: Source,
    /// Who brought it, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// The file that is watched; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Keys in which the newest config differs from what runs, and that need a restart.
    pub restart_required: Vec<String>,
    /// Why the newest config that was given is not in force; absent: it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Failure>,
    /// All keys, those left out with their defaults.
    #[schema(value_type = Object)]
    pub config: Value,
}

/// What would come of a config.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validation {
    /// Whether it could be put.
    pub valid: bool,
    /// The version that would be in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Everything that is wrong with it.
    pub errors: Vec<Wrong>,
    /// Likely mistakes that would not stop it.
    pub warnings: Vec<String>,
    /// Keys that it changes and that need a restart; a `PUT` of it is refused while there are any.
    pub restart_required: Vec<String>,
    /// What it changes.
    pub changes: Vec<Change>,
}

/// A key that would change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConfigChange)]
pub struct Change {
    /// Path of the key.
    pub key: String,
    /// The value in force; absent: the key is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub from: Option<Value>,
    /// The new value; absent: the key is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub to: Option<Value>,
}

impl From<Difference> for Change {
    fn from(Difference { key, from, to, .. }: Difference) -> Self {
        Self { key, from, to }
    }
}

impl From<Verdict> for Validation {
    fn from(verdict: Verdict) -> Self {
        let Verdict { outcome, differences, warnings } = verdict;
        let (version, restart_required, errors) = match outcome {
            Ok(mixed) => (Some(mixed.version), mixed.restart_required, Vec::new()),
            Err(errors) => (None, Vec::new(), errors),
        };
        let changes = differences.into_iter().map(Change::from).collect();
        let valid = errors.is_empty() && restart_required.is_empty();
        Self { valid, version, errors, warnings, restart_required, changes }
    }
}

/// The configs that were in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfigHistory {
    /// Newest first; at most 50.
    pub versions: Vec<PastConfig>,
}

/// A config that was in force.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastConfig {
    /// Its version.
    pub version: String,
    /// When it came into force.
    pub at: String,
    /// Where it came from.
    pub source: Source,
    /// Who brought it, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Whether a config of this content is in force.
    pub in_force: bool,
}

impl PastConfig {
    fn of(past: Past, in_force: &InForce) -> Self {
        let is_in_force = past.version == in_force.version;
        Self { version: past.version, at: rfc3339(past.at), source: past.source, who: past.who, in_force: is_in_force }
    }
}

/// Where to go back to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigRollback {
    /// A version of the history; absent: the newest of another content than that in force.
    version: Option<String>,
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let message = error.to_string();
        match error {
            ChangeError::Invalid(errors) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_config", message).with_list(Wrong::all(&errors))
            }
            ChangeError::Precondition { .. } => Self::new(StatusCode::PRECONDITION_FAILED, "config_changed", message),
            ChangeError::RestartRequired(_) => Self::new(StatusCode::CONFLICT, "restart_required", message),
            ChangeError::ByFile | ChangeError::ByTopic => Self::new(StatusCode::CONFLICT, "config_elsewhere", message),
            ChangeError::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message),
            ChangeError::NothingBefore => Self::not_found("unknown_config", message),
            ChangeError::History(error) => error.into(),
        }
    }
}

impl From<GiveError> for Problem {
    fn from(error: GiveError) -> Self {
        match error {
            GiveError::Change(error) => error.into(),
            GiveError::Submit(error) => error.into(),
        }
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        let message = error.to_string();
        match error {
            HistoryError::Unknown { .. } => Self::not_found("unknown_config", message),
            HistoryError::Io { .. } | HistoryError::Damaged { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "history_unavailable", message)
            }
        }
    }
}

/// Runs `work` on a thread that may wait: for the file system, and for the change before. Answers go on meanwhile.
async fn aside<T: Send + 'static>(
    service: &Arc<Service>,
    work: impl FnOnce(&Keeper) -> T + Send + 'static,
) -> Result<T, Problem> {
    let keeper = Arc::clone(service.keeper());
    tokio::task::spawn_blocking(move || work(&keeper)).await.map_err(|_| fault())
}

fn view(keeper: &Keeper) -> Response {
    let (in_force, status) = (keeper.now(), keeper.status());
    let InForce { config, version, since, source, who, .. } = &*in_force;
    let view = ConfigView {
        version: version.clone(),
        since: rfc3339(*since),
        source: *source,
        who: who.clone(),
        file: keeper.file().map(|path| path.display().to_string()),
        restart_required: status.restart_required,
        last_error: status.failure,
        config: serde_json::to_value(config).expect("the config is plain data"),
    };
    let tag = HeaderValue::from_str(&format!("\"{version}\"")).expect("a version is hexadecimal");
    ([(header::ETAG, tag)], Json(view)).into_response()
}

/// The config in force, and whether it is the one that was given.
fn given_view(service: &Service, given: Given) -> Response {
    let status = match given {
        Given::InForce => StatusCode::OK,
        Given::OnItsWay => StatusCode::ACCEPTED,
    };
    (status, view(service.keeper())).into_response()
}

/// The config in force
///
/// What runs: of a newer file that changes keys which need a restart, only the others. `ETag` is its version.
#[utoipa::path(get, path = "/v1/config", tag = "config",
    responses(
        (status = 200, description = "The config", body = ConfigView),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    ))]
pub async fn get_config(State(service): State<Arc<Service>>) -> Response {
    view(service.keeper())
}

/// Put another config into force
///
/// The whole config, as YAML or JSON, in the place of the file: keys left out have their defaults, environment variables
/// and flags count over it, references to variables are refused. Checked as a whole and swapped in at once, or not at
/// all. It must not change keys that need a restart. It survives restarts, until the file changes or SIGHUP comes. With
/// `events.config: topic` it is put into force on all replicas.
#[utoipa::path(
    put, path = "/v1/config", tag = "config",
    params(("If-Match" = Option<String>, Header, description = "Only if this version is in force")),
    request_body(content = Object, description = "The config"),
    responses(
        (status = 200, description = "The config in force now", body = ConfigView),
        (status = 202, description = "It is on its way to all replicas, this one included", body = ConfigView),
        (status = 400, description = "It is wrong: `error.errors` has all errors with their places", body = ProblemBody),
        (status = 409, description = "It changes keys that need a restart, or configs come by the file of each replica",
            body = ProblemBody),
        (status = 412, description = "Another version is in force", body = ProblemBody),
        (status = 413, description = "The body is larger than `server.max_body`", body = ProblemBody),
        (status = 503, description = "It could not be written down; nothing has changed", body = ProblemBody),
    )
)]
pub async fn put_config(
    State(service): State<Arc<Service>>,
    Extension(Caller(who)): Extension<Caller>,
    headers: HeaderMap,
    body: Whole,
) -> Result<Response, Problem> {
    let expected = expected(&headers)?;
    let given = service.put_config(&body.bytes, expected.as_deref(), who).await?;
    Ok(given_view(&service, given))
}

/// The version of `If-Match`; `*` asks for nothing, as there is always a config.
fn expected(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let tag = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if tag.is_empty() || tag.contains([',', '"']) {
        let message = format!("`If-Match` is `{}`: give one version, such as the `ETag` of GET /v1/config", clip(text));
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad_value", message));
    }
    Ok(Some(tag.to_owned()))
}

/// Check a config, changing nothing
///
/// The same checks as `PUT`, against what runs: all errors with their places, and what it would change.
#[utoipa::path(
    post, path = "/v1/config/validate", tag = "config", request_body(content = Object, description = "The config"),
    responses(
        (status = 200, description = "What would come of it; `valid` says whether it could be put", body = Validation),
        (status = 413, description = "The body is larger than `server.max_body`", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn post_validate(State(service): State<Arc<Service>>, body: Whole) -> Result<Json<Validation>, Problem> {
    Ok(Json(aside(&service, move |keeper| keeper.judge(&body.bytes)).await?.into()))
}

/// How much is tried.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SimulateQuery {
    /// The newest so many of the decisions kept, at most 20000; absent: 1000.
    last: Option<usize>,
}

/// Try a config on recent requests, changing nothing
///
/// Answers the newest decisions (`observability.decisions_kept`) once more, under the config in force and under this one,
/// on the state as it is. Takes five seconds at most and half a core, beside the answers; one at a time. For longer
/// traffic, `sidecart simulate` replays a log.
#[utoipa::path(
    post, path = "/v1/config/simulate", tag = "config", params(SimulateQuery),
    request_body(content = Object, description = "The config"),
    responses(
        (status = 200, description = "What differs", body = Report),
        (status = 400, description = "The config is wrong, or the query", body = ProblemBody),
        (status = 413, description = "The body is larger than `server.max_body`", body = ProblemBody),
        (status = 503, description = "Another simulation is running: to be sent again after `Retry-After` seconds",
            body = ProblemBody),
    )
)]
pub async fn post_simulate(
    State(service): State<Arc<Service>>,
    query: Result<Query<SimulateQuery>, QueryRejection>,
    body: Whole,
) -> Result<Json<Report>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad_query", error.body_text()))?;
    let last = query.last.unwrap_or(USUAL_REQUESTS);
    if !(1..=MAX_REQUESTS).contains(&last) {
        let message = format!("`last` is `{last}`: give 1 to {MAX_REQUESTS}");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad_value", message));
    }
    let simulated = tokio::task::spawn_blocking(move || {
        let _only = service.begin_simulation().ok_or_else(|| {
            let message = "another simulation is running: send again when it is done";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
        })?;
        service.simulate(&body.bytes, last).map_err(|errors| ChangeError::from(errors).into())
    });
    simulated.await.unwrap_or_else(|_| Err(fault())).map(Json)
}

fn fault() -> Problem {
    let message = "a fault in this server: its log says where, please report it";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", message)
}

/// The configs that were in force
#[utoipa::path(get, path = "/v1/config/history", tag = "config",
    responses(
        (status = 200, description = "The history", body = ConfigHistory),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    ))]
pub async fn get_history(State(service): State<Arc<Service>>) -> Result<Json<ConfigHistory>, Problem> {
    let (past, in_force) = aside(&service, |keeper| (keeper.past(), keeper.now())).await?;
    Ok(Json(ConfigHistory { versions: past.into_iter().map(|past| PastConfig::of(past, &in_force)).collect() }))
}

/// A config that was in force
#[utoipa::path(get, path = "/v1/config/history/{version}", tag = "config",
    params(("version" = String, Path, description = "A version that the history lists")),
    responses(
        (status = 200, description = "Its content", body = Object),
        (status = 404, description = "It is not kept", body = ProblemBody),
        (status = 503, description = "It cannot be read", body = ProblemBody),
    ))]
pub async fn get_past(State(service): State<Arc<Service>>, Name(version): Name) -> Result<Json<Value>, Problem> {
    Ok(Json(aside(&service, move |keeper| keeper.past_config(&clip(&version))).await??))
}

/// Go back to a config that was in force
///
/// Without a version, to the one before; doing so twice is back where it began. Keys that need a restart stay as they
/// run. Survives restarts as a `PUT` does.
#[utoipa::path(
    post, path = "/v1/config/rollback", tag = "config", request_body = ConfigRollback,
    responses(
        (status = 200, description = "The config in force now", body = ConfigView),
        (status = 202, description = "It is on its way to all replicas, this one included", body = ConfigView),
        (status = 400, description = "The request or the old config is malformed", body = ProblemBody),
        (status = 404, description = "It is not kept", body = ProblemBody),
        (status = 409, description = "It changes keys that need a restart", body = ProblemBody),
        (status = 503, description = "It cannot be read or written down; nothing has changed", body = ProblemBody),
    )
)]
pub async fn post_rollback(
    State(service): State<Arc<Service>>,
    Extension(Caller(who)): Extension<Caller>,
    body: Whole,
) -> Result<Response, Problem> {
    let asked: ConfigRollback = if body.bytes.iter().all(u8::is_ascii_whitespace) {
        ConfigRollback::default()
    } else {
        serde_json::from_slice(&body.bytes).map_err(|error| {
            let message = format!("the body is no rollback: {error}; send `{{\"version\": \"...\"}}` or nothing");
            Problem::new(StatusCode::BAD_REQUEST, "bad_value", message)
        })?
    };
    let given = service.roll_back_config(asked.version.as_deref(), who).await?;
    Ok(given_view(&service, given))
}
