# The simulated Salesforce of the tests.
FROM rust:1.95-bookworm AS builder
WORKDIR /src
COPY . .
RUN cargo build --locked --package salesforce-sim --bin salesforce-sim

FROM debian:bookworm-slim
COPY --from=builder /src/target/debug/salesforce-sim /usr/bin/salesforce-sim
USER 65532:65532
ENTRYPOINT ["/usr/bin/salesforce-sim"]
