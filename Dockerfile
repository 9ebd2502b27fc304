# One image for every Aldgate process; docker-compose.yml names the program of each service.
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bins \
    && mkdir /out \
    && cp target/release/aldgate target/release/aldgate-gateway target/release/aldgate-controller \
          target/release/aldgate-dev target/release/demo-server /out/

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /usr/local/bin/
# Secrets arrive as files of this user; nothing is written but the volumes that compose mounts.
USER 65532:65532
ENTRYPOINT []
CMD ["aldgate", "--help"]
