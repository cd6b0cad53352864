# syntax=docker/dockerfile:1
#
# One image with both programs: `docker build -t easycrm-webhooks .`, then `fanout serve` or `sender serve`.
# The dependencies are a layer of their own (cargo-chef), so a change of our code does not compile them again.

# The Rust version of rust-toolchain.toml; deploy/check compares the two.
FROM rust:1.95.0-slim-bookworm AS toolchain
# Without this rustup would obey rust-toolchain.toml and fetch rustfmt and clippy, which no build here needs.
ENV RUSTUP_TOOLCHAIN=1.95.0
RUN cargo install --locked --version 0.1.78 cargo-chef
WORKDIR /src

FROM toolchain AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM toolchain AS build
COPY --from=plan /src/recipe.json recipe.json
RUN cargo chef cook --release --locked --package fanout --package sender --recipe-path recipe.json
COPY . .
# The commit, for `--version` and the metric webhook_build_info.
ARG SOURCE_REVISION=""
RUN SOURCE_REVISION="$SOURCE_REVISION" cargo build --release --locked --package fanout --package sender

FROM debian:bookworm-slim AS runtime
# Receivers' certificates are verified against these roots; without them the sender refuses to start.
# Not pinned: a rebuild is meant to take the day's roots and fixes of Debian's stable release.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/easycrm-webhooks/
COPY --from=build /src/target/release/fanout /src/target/release/sender /usr/local/bin/

ARG SOURCE_REVISION=""
ARG VERSION=""
LABEL org.opencontainers.image.title="EasyCRM Webhooks" \
      org.opencontainers.image.description="Delivers CRM events to HTTPS receivers: fanout and sender" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$SOURCE_REVISION"

# Nobody in particular: no account, no home, no shell, nothing of its own on disk.
USER 65532:65532
# API and console of fanout; metrics and health of both, at the ports docker-compose.yml chooses.
EXPOSE 8080 9100
CMD ["fanout", "--help"]
