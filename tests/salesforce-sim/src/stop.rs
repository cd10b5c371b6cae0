//! How an endpoint ends early: with a refusal, or because nobody is left to answer.

use http::StatusCode;

use crate::answer::Answer;
use crate::oauth_error::OauthError;
use crate::upload::UploadError;

pub(crate) enum Stop {
    /// Refuse so.
    Answer(Box<Answer>),
    /// Close the connection without an answer.
    Cut,
}

impl From<Answer> for Stop {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

impl From<OauthError> for Stop {
    fn from(refused: OauthError) -> Self {
        Self::from(Answer::from(refused))
    }
}

impl From<UploadError> for Stop {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Broken => Self::Cut,
            UploadError::TooLarge => Self::from(Answer::html(
                StatusCode::PAYLOAD_TOO_LARGE,
                "<html><body><h1>Request Entity Too Large</h1></body></html>",
            )),
        }
    }
}
