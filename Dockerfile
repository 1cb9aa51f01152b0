FROM python:3.12.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY exporter ./exporter
# What `drift-exporter bundle` writes is in the package.
COPY alerting ./alerting
COPY dashboards ./dashboards
COPY provisioning ./provisioning
# What reads Kafka and S3; others are gs, az and http-objects.
ARG EXTRAS=kafka,s3
RUN python -m venv /opt/drift-exporter \
 && /opt/drift-exporter/bin/pip install --no-cache-dir --disable-pip-version-check ".[${EXTRAS}]"

FROM python:3.12.11-slim-bookworm
LABEL org.opencontainers.image.title="drift-exporter" \
      org.opencontainers.image.description="Prometheus exporter for machine-learning models" \
      org.opencontainers.image.licenses="Apache-2.0"
# A fixed number, so that a volume's owner stays the same from one image to the next.
RUN groupadd --gid 10101 drift-exporter \
 && useradd --uid 10101 --gid 10101 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin drift-exporter \
 && install --directory --owner=10101 --group=10101 --mode=0750 /var/lib/drift-exporter
COPY --from=build /opt/drift-exporter /opt/drift-exporter
ENV PATH=/opt/drift-exporter/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10101:10101
VOLUME /var/lib/drift-exporter
EXPOSE 10101
# With --web.config.file and TLS this check has to be replaced: it speaks plain HTTP.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:10101/-/healthy', timeout=4)"]
ENTRYPOINT ["drift-exporter"]
CMD ["serve", "--config", "/etc/drift-exporter/config.yml", "--web.listen-address", ":10101"]
