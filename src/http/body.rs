use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::problem::Problem;
use crate::config::Bytes as Size;
use crate::service::Service;
use crate::wire::scalar::clip;
use crate::wire::split::Packing;

/// How much of a body that is too large is read and thrown away, so that its sender gets to read why: most clients
/// write all of their request before they look at the answer.
const MAX_DRAINED: usize = 64 << 20;
/// Content types of one element per line.
const LINE_TYPES: [&str; 4] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];

/// A whole body within `server.max_body`, and how it packs its elements.
pub struct Whole {
    /// The body.
    pub bytes: Bytes,
    /// How it packs its elements.
    pub packing: Packing,
}

impl FromRequest<Arc<Service>> for Whole {
    type Rejection = Problem;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Problem> {
        not_encoded(request.headers())?;
        let limit = service.in_force().config.server.max_body;
        let packing = packing(request.headers());
        let waits = request.headers().contains_key(header::EXPECT);
        let told = content_length(request.headers());
        let mut body = request.into_body();
        if told.is_some_and(|told| told > limit.len()) {
            if !waits {
                drain(&mut body).await;
            }
            return Err(too_large(limit));
        }
        match Limited::new(&mut body, limit.len()).collect().await {
            Ok(whole) => Ok(Self { bytes: whole.to_bytes(), packing }),
            Err(error) if error.is::<LengthLimitError>() => {
                drain(&mut body).await;
                Err(too_large(limit))
            }
            Err(error) => {
                let message = format!("the body could not be read: {error}; send it again");
                Err(Problem::new(StatusCode::BAD_REQUEST, "unreadable_body", message))
            }
        }
    }
}

/// A body that was gzipped on its way would else be taken for malformed elements, and its sender told of one.
fn not_encoded(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_ENCODING).filter(|how| !how.as_bytes().eq_ignore_ascii_case(b"identity")) {
        None => Ok(()),
        Some(how) => {
            let how = clip(&String::from_utf8_lossy(how.as_bytes()));
            let message = format!("the body has the content encoding `{how}`: send it as it is, without any");
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded_body", message))
        }
    }
}

fn packing(headers: &HeaderMap) -> Packing {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if LINE_TYPES.iter().any(|lines| kind.eq_ignore_ascii_case(lines)) { Packing::Lines } else { Packing::Json }
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn drain(body: &mut axum::body::Body) {
    let mut drained = 0;
    while drained < MAX_DRAINED {
        let Some(Ok(frame)) = body.frame().await else { return };
        drained += frame.data_ref().map_or(0, Bytes::len);
    }
}

fn too_large(limit: Size) -> Problem {
    let message = format!("the body is larger than {limit}: send smaller batches, or raise `server.max_body`");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
}
