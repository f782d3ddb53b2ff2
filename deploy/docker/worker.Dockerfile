# Ray head and workers: study drivers and trials. Holds no database driver.
FROM python:3.11-slim
# For CPUs: --build-arg PIP_FLAGS="--extra-index-url URL-OF-PYTORCH-CPU-WHEELS"
ARG TORCH=torch==2.13.0
ARG PIP_FLAGS=
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH=/app
WORKDIR /app
COPY pyproject.toml constraints.txt README.md ./
RUN pip install --no-cache-dir --upgrade "pip>=25.1" \
 && grep -v '^torch==' constraints.txt > /tmp/constraints.txt \
 && echo "${TORCH}" >> /tmp/constraints.txt \
 && pip install --no-cache-dir ${PIP_FLAGS} -c /tmp/constraints.txt --group workers
COPY kbfgs kbfgs
COPY service/__init__.py service/__init__.py
COPY service/contracts service/contracts
COPY workers workers
RUN useradd --create-home --uid 1000 kbfgs && mkdir -p /var/lib/kbfgs/storage /var/lib/kbfgs/cache \
 && chown -R kbfgs /var/lib/kbfgs
USER kbfgs
# The git revision that capsules name: --build-arg REVISION="$(git describe --always --abbrev=40 --exclude='*' --dirty)"
ARG REVISION=
ENV KBFGS_REVISION=${REVISION}
