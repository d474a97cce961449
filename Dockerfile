# syntax=docker/dockerfile:1
# Two images, not root, without torch and compilers. Build from the repository root:
#   docker build -t otmv-serve .
#   docker build -t otmv-serve-gpu --target serve-gpu .
# What to mount and set: docs/operations.md, "Images".

ARG BASE_IMAGE=python:3.11-slim

# The libraries, by their hashes, in a layer of their own: they change less often than the program.
FROM ${BASE_IMAGE} AS libraries
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/pip && python -m venv --without-pip /opt/otmv
WORKDIR /src
COPY requirements ./requirements
RUN /opt/pip/bin/pip --python /opt/otmv/bin/python install --require-hashes -r requirements/serve.txt \
    && find /opt/otmv -type d -name tests -prune -exec rm -r {} +

# The same and an extra: tensorrt (its libraries come from NVIDIA's own index: name it in
# PIP_EXTRA_INDEX_URL where pip does not find them), tensorrt-rtx or torch.
# They bring the CUDA runtime; the driver comes from the host.
FROM libraries AS libraries-gpu
ARG GPU_EXTRA=tensorrt
ARG PIP_EXTRA_INDEX_URL=
RUN /opt/pip/bin/pip --python /opt/otmv/bin/python install --require-hashes -r "requirements/${GPU_EXTRA}.txt"

FROM libraries AS program
RUN /opt/pip/bin/pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY artifact ./artifact
COPY cli ./cli
COPY engine ./engine
COPY exporters ./exporters
COPY loadtests ./loadtests
COPY models ./models
COPY monitoring ./monitoring
COPY otmv_serve ./otmv_serve
COPY pictures ./pictures
COPY server ./server
COPY tuning ./tuning
RUN /opt/pip/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /opt/wheels . \
    && /opt/pip/bin/pip --python /opt/otmv/bin/python install --no-deps --prefix /opt/program /opt/wheels/*.whl

FROM ${BASE_IMAGE} AS base
RUN groupadd --gid 10001 otmv \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin otmv \
    && install --directory --owner 10001 --group 10001 /cache
COPY examples/demo-artifact /artifact
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="otmv-serve" \
      org.opencontainers.image.description="Elastic vision-language models over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/otmv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OTMV_ARTIFACT=/artifact \
    OTMV_CACHE_DIR=/cache \
    OTMV_HOST=0.0.0.0 \
    OTMV_PORT=8000
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=180s --retries=3 \
    CMD ["python", "-I", "-S", "-c", "import os, http.client, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['OTMV_PORT']), timeout=2); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["otmv"]
CMD ["serve"]

FROM base AS serve-gpu
LABEL org.opencontainers.image.title="otmv-serve-gpu"
ENV OTMV_BACKEND=tensorrt \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=libraries-gpu /opt/otmv /opt/otmv
COPY --from=program /opt/program /opt/otmv

FROM base AS serve
COPY --from=libraries /opt/otmv /opt/otmv
COPY --from=program /opt/program /opt/otmv
