# Simwire in a container; docs/install.md tells how the ports of modems get into it, and what has not been tried.
FROM python:3.13-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml MANIFEST.in README.md LICENSE config.example.toml ./
COPY gateway gateway
COPY hardware hardware
COPY systemd systemd
RUN python -m venv /opt/simwire && /opt/simwire/bin/pip install --no-cache-dir .

FROM python:3.13-slim-bookworm
# 20 is dialout, to which serial ports belong on Debian and its relatives.
RUN useradd --system --uid 10001 --user-group --groups 20 --home-dir /var/lib/simwire --create-home simwire
COPY --from=build /opt/simwire /opt/simwire
ENV PATH=/opt/simwire/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/simwire
VOLUME /var/lib/simwire
EXPOSE 8080
# That it serves; whether a modem can send is told by /health/ready, and no restart mends it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=5m --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health/live', timeout=8)"]
ENTRYPOINT ["simwire"]
CMD ["serve", "--config", "/etc/simwire/config.toml"]
