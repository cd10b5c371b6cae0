//! A caller of gRPC for tests: calls over a connection of HTTP/2 that the test makes, with metadata of its own. What a
//! failure is depends on who is called, so the test says what it makes of a call's end.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "for tests")]

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http::request::Builder;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use prost::Message;
use tokio::sync::mpsc;

/// A connection of HTTP/2.
pub type Connection = SendRequest<Requests>;

/// The messages of a caller, as they are sent.
pub struct Requests(mpsc::Receiver<Bytes>);

/// How a call ended, if not well.
pub enum End {
    /// With these trailers, or this head in their place.
    Told(HeaderMap),
    /// Broken off.
    Broken,
}

/// A call in which messages go and come.
pub struct Call<F> {
    requests: Option<mpsc::Sender<Bytes>>,
    /// The metadata that the answer began with.
    pub head: HeaderMap,
    body: Incoming,
    received: BytesMut,
    hears: Box<dyn Fn(&HeaderMap) + Send>,
    fails_as: PhantomData<fn() -> F>,
}

impl Requests {
    /// No message at all.
    pub fn none() -> Self {
        Self(mpsc::channel(1).1)
    }
}

impl Body for Requests {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl<F: From<End>> Call<F> {
    /// Begins a call with one message, which may be followed by more. `hears` is given all metadata that comes.
    pub async fn begin(
        connection: &mut Connection,
        request: Builder,
        first: &impl Message,
        hears: impl Fn(&HeaderMap) + Send + 'static,
    ) -> Result<Self, F> {
        let (requests, body) = mpsc::channel(8);
        requests.send(framed(first)).await.unwrap();
        let answered = connection.send_request(request.body(Requests(body)).unwrap()).await;
        let (head, body) = answered.map_err(|_| End::Broken)?.into_parts();
        assert_eq!(head.status, 200);
        hears(&head.headers);
        let (requests, hears) = (Some(requests), Box::new(hears));
        Ok(Self { requests, head: head.headers, body, received: BytesMut::new(), hears, fails_as: PhantomData })
    }

    /// One more message.
    pub async fn send(&self, message: &impl Message) {
        self.requests.as_ref().unwrap().send(framed(message)).await.unwrap();
    }

    /// The next message.
    pub async fn next<M: Message + Default>(&mut self) -> Result<M, F> {
        match self.message().await? {
            Some(message) => Ok(M::decode(message).unwrap()),
            None => panic!("the call ended well instead"),
        }
    }

    /// The one message of a call that is answered by one.
    pub async fn only<M: Message + Default>(mut self) -> Result<M, F> {
        self.requests = None;
        let message = self.next().await?;
        self.end().await?;
        Ok(message)
    }

    /// Sends no more, and waits for the end of the call.
    pub async fn end(mut self) -> Result<(), F> {
        self.requests = None;
        match self.message().await? {
            Some(_) => panic!("a message instead of the end"),
            None => Ok(()),
        }
    }

    /// A message; `None` after the last if all went well.
    async fn message(&mut self) -> Result<Option<Bytes>, End> {
        if self.head.contains_key("grpc-status") {
            return ended(self.head.clone());
        }
        loop {
            if let Some((prefix, rest)) = self.received.split_first_chunk::<5>() {
                let length = u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize;
                if rest.len() >= length {
                    self.received.advance(5);
                    return Ok(Some(self.received.split_to(length).freeze()));
                }
            }
            match self.body.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.received.extend_from_slice(&data),
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap();
                        (self.hears)(&trailers);
                        return ended(trailers);
                    }
                },
                Some(Err(_)) => return Err(End::Broken),
                None => panic!("no trailers"),
            }
        }
    }
}

impl<F> fmt::Debug for Call<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("head", &self.head).finish_non_exhaustive()
    }
}

fn ended(trailers: HeaderMap) -> Result<Option<Bytes>, End> {
    if trailers["grpc-status"] == "0" { Ok(None) } else { Err(End::Told(trailers)) }
}

fn framed(message: &impl Message) -> Bytes {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap();
    [&[0], length.to_be_bytes().as_slice(), &message].concat().into()
}
