# syntax=docker/dockerfile:1

# The dashboard. Nothing of Node.js reaches the image that runs.
FROM node:22-slim AS web
WORKDIR /build/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --ignore-scripts
COPY web/ ./
RUN npm run build

# The program in an environment of its own, from the locked packages.
FROM python:3.13-slim AS program
WORKDIR /build
COPY requirements/ requirements/
RUN python -m venv /opt/ccledger \
 && /opt/ccledger/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/run.lock \
 && pip install --no-cache-dir --require-hashes --no-deps -r requirements/install.lock
# The compiler stays behind in this stage.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY scripts/compile.py scripts/
COPY src/ src/
COPY --from=web /build/src/ccledger/_web src/ccledger/_web
RUN SKIP_WEB=1 pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/ccledger/bin/pip install --no-cache-dir --no-deps dist/*.whl

FROM python:3.13-slim
# The directory is open to any user of the container: compose.yaml may run as the owner of ~/.claude.
RUN useradd --uid 1000 --create-home ccledger \
 && install --directory --mode=1777 /data /data/ledger
COPY --from=program /opt/ccledger /opt/ccledger
ENV PATH=/opt/ccledger/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    CCLEDGER_PORT=51888 \
    CCLEDGER_DATA_DIR=/data/ledger \
    CLAUDE_CONFIG_DIR=/data/.claude
USER ccledger
WORKDIR /data
VOLUME /data/ledger
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-c", \
  "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['CCLEDGER_PORT'] + '/api/v1/health', timeout=4)"]
ENTRYPOINT ["ccledger"]
CMD ["serve", "--no-browser"]
