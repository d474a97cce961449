# syntax=docker/dockerfile:1
# The server alone: no torch, no compilers, not root. Build from the repository root:
#   docker build -t otmv-serve .
#   docker run --read-only --tmpfs /tmp -p 8000:8000 otmv-serve
# Another artifact: -v /path/to/artifact:/artifact:ro. Keep latency profiles between runs:
# -v otmv-cache:/cache -e OTMV_CACHE_DIR=/cache (writable by user 10001).

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/otmv
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY artifact ./artifact
COPY cli ./cli
COPY engine ./engine
COPY exporters ./exporters
COPY loadtests ./loadtests
COPY models ./models
COPY server ./server
COPY tuning ./tuning
RUN /opt/otmv/bin/pip install --constraint constraints.txt .

FROM python:3.11-slim
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="otmv-serve" \
      org.opencontainers.image.description="Elastic vision-language models over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
RUN groupadd --gid 10001 otmv \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin otmv
COPY --from=build /opt/otmv /opt/otmv
COPY examples/demo-artifact /artifact
ENV PATH=/opt/otmv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OTMV_ARTIFACT=/artifact \
    OTMV_CACHE_DIR=/tmp/otmv \
    OTMV_HOST=0.0.0.0 \
    OTMV_PORT=8000
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=180s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['OTMV_PORT'] + '/readyz', timeout=2)"]
ENTRYPOINT ["otmv"]
CMD ["serve"]
