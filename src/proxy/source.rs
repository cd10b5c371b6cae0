//! Where the body of a request comes from.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http::header::EXPECT;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::transport::BodyError;

/// Where a body comes from.
#[derive(Default)]
pub enum Source {
    /// There is none, or it is elsewhere by now.
    #[default]
    Nothing,
    /// The caller's own, which it holds back until it is asked for it: by the first look at it.
    HeldBack(Incoming),
    /// The caller's own, as it comes.
    Caller(Incoming),
    /// What has been made of the caller's.
    Boxed(Pin<Box<dyn Body<Data = Bytes, Error = BodyError> + Send>>),
}

impl Source {
    /// The body of a request with these headers.
    pub fn of(body: Incoming, headers: &HeaderMap) -> Self {
        let is_held_back = !body.is_end_stream() && headers.contains_key(EXPECT);
        if is_held_back { Self::HeldBack(body) } else { Self::Caller(body) }
    }
}

impl Body for Source {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Self::HeldBack(_) = this
            && let Self::HeldBack(body) = std::mem::take(this)
        {
            *this = Self::Caller(body);
        }
        match this {
            Self::Nothing => Poll::Ready(None),
            Self::HeldBack(body) | Self::Caller(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Boxed(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::HeldBack(body) | Self::Caller(body) => body.is_end_stream(),
            Self::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::HeldBack(body) | Self::Caller(body) => body.size_hint(),
            Self::Boxed(body) => body.size_hint(),
        }
    }
}
