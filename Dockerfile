# The program and the invented council's definitions. A council mounts its own over /definitions.
#
#   docker build -t viaduct .
#   docker run --rm viaduct check

FROM rust:1.95-bookworm AS build
WORKDIR /build
# Dependencies first: they are most of the build, and seldom change.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN mkdir -p src tests \
    && echo 'fn main() {}' > src/main.rs && touch src/lib.rs tests/main.rs \
    && cargo build --release --locked --bin viaduct \
    && rm -rf src
COPY src src
COPY migrations migrations
# cargo looks at times, and the stand-ins above are newer than the sources may be.
RUN touch src/main.rs src/lib.rs && cargo build --release --locked --bin viaduct

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin viaduct \
    && install -d -o viaduct -g viaduct /var/lib/viaduct
COPY --from=build /build/target/release/viaduct /usr/local/bin/viaduct
COPY connectors /definitions/connectors
COPY mappings /definitions/mappings
COPY jobs /definitions/jobs
ENV VIADUCT_DEFINITIONS=/definitions \
    VIADUCT_DATABASE=sqlite:/var/lib/viaduct/viaduct.db
VOLUME /var/lib/viaduct
WORKDIR /var/lib/viaduct
USER viaduct
ENTRYPOINT ["viaduct"]
CMD ["--help"]
