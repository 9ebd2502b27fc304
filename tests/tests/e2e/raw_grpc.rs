//! gRPC calls with encoded requests, for tests that go by descriptors instead of types.

use bytes::{Buf, BufMut};
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

/// Calls a method, whatever its type, and returns the status of the answer's first message.
pub(crate) async fn unary(
    channel: &Channel,
    path: &str,
    message: Vec<u8>,
    token: Option<&str>,
) -> Code {
    match call(channel, path, message, token).await {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}

/// The same with the answer.
pub(crate) async fn call(
    channel: &Channel,
    path: &str,
    message: Vec<u8>,
    token: Option<&str>,
) -> Result<Vec<u8>, Status> {
    let mut request = Request::new(tokio_stream::once(message));
    if let Some(token) = token {
        let value = format!("Bearer {token}")
            .parse()
            .map_err(|_| Status::internal("not ASCII"))?;
        request.metadata_mut().insert("authorization", value);
    }
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let path = path.parse().map_err(|_| Status::internal("not a path"))?;
    let mut reply = grpc.streaming(request, path, Bytes).await?.into_inner();
    reply
        .message()
        .await?
        .ok_or_else(|| Status::internal("no message"))
}

/// Messages as they are on the wire.
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length).to_vec()))
    }
}
