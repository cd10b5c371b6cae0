//! Answers of gRPC calls: messages as they come, then trailers. What is refused has headers only.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

use super::framing::framed;
use super::status::End;
use crate::eventbus::Message;
use crate::service::Cut;

/// How many messages wait for a caller that does not read them.
const WAITING: usize = 8;

pub(crate) struct Reply {
    ready: VecDeque<Frame<Bytes>>,
    more: Option<mpsc::Receiver<Result<Frame<Bytes>, Cut>>>,
}

/// The sender's side of a stream.
pub(super) struct Stream(mpsc::Sender<Result<Frame<Bytes>, Cut>>);

/// One message.
pub(super) fn single(message: &impl Message, trailers: HeaderMap) -> Response<Reply> {
    grpc(Reply { ready: [Frame::data(framed(message)), Frame::trailers(trailers)].into(), more: None })
}

/// Nothing but trailers, which are then in the place of headers.
pub(super) fn refusal(trailers: HeaderMap) -> Response<Reply> {
    let mut response = grpc(Reply { ready: VecDeque::new(), more: None });
    response.headers_mut().extend(trailers);
    response
}

/// Messages that are still to come.
pub(super) fn stream() -> (Stream, Response<Reply>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Stream(sender), grpc(Reply { ready: VecDeque::new(), more: Some(receiver) }))
}

/// An answer that is no gRPC.
pub(super) fn plain(status: StatusCode, body: String) -> Response<Reply> {
    let mut response = Response::new(Reply { ready: [Frame::data(Bytes::from(body))].into(), more: None });
    *response.status_mut() = status;
    response
}

fn grpc(reply: Reply) -> Response<Reply> {
    let mut response = Response::new(reply);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

impl Stream {
    pub(super) async fn send(&self, message: &impl Message) -> Result<(), End> {
        self.0.send(Ok(Frame::data(framed(message)))).await.map_err(|_| End::CallerGone)
    }

    pub(super) async fn finish(&self, trailers: HeaderMap) {
        // Nobody is left to tell if it fails.
        let _ = self.0.send(Ok(Frame::trailers(trailers))).await;
    }

    pub(super) async fn cut(&self) {
        let _ = self.0.send(Err(Cut)).await;
    }

    /// Waits until the caller has gone.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(frame) = self.ready.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut self.more {
            Some(more) => more.poll_recv(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.more.is_none()
    }
}
