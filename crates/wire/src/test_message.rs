//! The RPC messages of a test delivery: the request to a sender, and its reply.

use bytes::Bytes;
use domain::{AccountName, Outcome};
use prost::Message;
use uuid::Uuid;

use crate::schema::easycrm as schema;

/// A validated request: make one signed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRequest {
    /// Id of the stored form, which has URL, secret and event type.
    pub test: Uuid,
    /// Tenant that requests it.
    pub account: AccountName,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
}

/// A validated reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestAnswer {
    /// The attempt was made.
    Attempted(TestAttempt),
    /// No attempt was made. The sender's log says why.
    NotAttempted,
}

/// The result of the attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestAttempt {
    /// Its outcome.
    pub outcome: Outcome,
    /// Status of the response.
    pub http_status: Option<u16>,
    /// Duration in milliseconds.
    pub response_time_ms: u32,
    /// Reason in words, without a response.
    pub error: Option<String>,
}

/// A message that is not one of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestMessageError {
    /// Not protobuf, or of another schema.
    #[error("not a message of a test")]
    Malformed,
    /// A field has a value that no message of ours has.
    #[error("field `{0}` is missing or not allowed")]
    Field(&'static str),
}

impl TestRequest {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        schema::TestRequest {
            test_id: Bytes::copy_from_slice(self.test.as_bytes()),
            account: self.account.as_str().to_owned(),
            traceparent: self.traceparent.clone().unwrap_or_default(),
        }
        .encode_to_vec()
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`TestMessageError`] when the message is not a request.
    pub fn decode(message: Bytes) -> Result<Self, TestMessageError> {
        let request = schema::TestRequest::decode(message).map_err(|_| TestMessageError::Malformed)?;
        Ok(Self {
            test: Uuid::from_slice(&request.test_id).map_err(|_| TestMessageError::Field("test_id"))?,
            account: request
                .account
                .parse()
                .map_err(|_| TestMessageError::Field("account"))?,
            traceparent: Some(request.traceparent).filter(|text| !text.is_empty()),
        })
    }
}

impl TestAnswer {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let answer = match self {
            Self::NotAttempted => schema::TestAnswer::default(),
            Self::Attempted(attempt) => schema::TestAnswer {
                outcome: attempt.outcome.to_string(),
                http_status: attempt.http_status.unwrap_or_default().into(),
                response_time_ms: attempt.response_time_ms,
                error: attempt.error.clone().unwrap_or_default(),
            },
        };
        answer.encode_to_vec()
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// [`TestMessageError`] when the message is not a reply.
    pub fn decode(message: Bytes) -> Result<Self, TestMessageError> {
        let answer = schema::TestAnswer::decode(message).map_err(|_| TestMessageError::Malformed)?;
        if answer.outcome.is_empty() {
            return Ok(Self::NotAttempted);
        }
        let status = u16::try_from(answer.http_status).map_err(|_| TestMessageError::Field("http_status"))?;
        Ok(Self::Attempted(TestAttempt {
            outcome: answer.outcome.parse().map_err(|_| TestMessageError::Field("outcome"))?,
            http_status: Some(status).filter(|status| *status > 0),
            response_time_ms: answer.response_time_ms,
            error: Some(answer.error).filter(|text| !text.is_empty()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> TestRequest {
        TestRequest {
            test: Uuid::from_bytes([7; 16]),
            account: "acme".parse().unwrap(),
            traceparent: None,
        }
    }

    fn timeout() -> TestAttempt {
        let error = Some("timeout".to_owned());
        TestAttempt {
            outcome: Outcome::Timeout,
            http_status: None,
            response_time_ms: 15_000,
            error,
        }
    }

    fn success() -> TestAttempt {
        TestAttempt {
            outcome: Outcome::Success,
            http_status: Some(204),
            response_time_ms: 0,
            error: None,
        }
    }

    #[test]
    fn questions_and_answers_survive_the_wire() {
        let traced = TestRequest {
            traceparent: Some("00-0a-0b-01".to_owned()),
            ..request()
        };
        for request in [request(), traced] {
            assert_eq!(TestRequest::decode(request.encode().into()), Ok(request));
        }
        for answer in [
            TestAnswer::NotAttempted,
            TestAnswer::Attempted(timeout()),
            TestAnswer::Attempted(success()),
        ] {
            assert_eq!(TestAnswer::decode(answer.encode().into()), Ok(answer));
        }
    }

    #[test]
    fn what_is_no_question_is_refused_by_name() {
        assert_eq!(
            TestRequest::decode(Bytes::from_static(b"{}")),
            Err(TestMessageError::Malformed)
        );
        assert_eq!(
            TestRequest::decode(Bytes::new()),
            Err(TestMessageError::Field("test_id"))
        );
        let nobody = schema::TestRequest {
            test_id: Bytes::from_static(&[7; 16]),
            ..Default::default()
        };
        assert_eq!(
            TestRequest::decode(nobody.encode_to_vec().into()),
            Err(TestMessageError::Field("account"))
        );
    }

    #[test]
    fn what_is_no_answer_is_refused_by_name() {
        let refused = |answer: schema::TestAnswer| TestAnswer::decode(answer.encode_to_vec().into());
        let new = schema::TestAnswer {
            outcome: "teapot".to_owned(),
            ..Default::default()
        };
        assert_eq!(refused(new), Err(TestMessageError::Field("outcome")));
        let large = schema::TestAnswer {
            outcome: "success".to_owned(),
            http_status: 70_000,
            ..Default::default()
        };
        assert_eq!(refused(large), Err(TestMessageError::Field("http_status")));
    }
}
