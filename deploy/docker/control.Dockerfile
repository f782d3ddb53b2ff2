# The control plane: web, dispatcher, migrations, client. Holds neither torch nor ray.
FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH=/app
WORKDIR /app
COPY pyproject.toml constraints.txt README.md ./
RUN pip install --no-cache-dir --upgrade "pip>=25.1" \
 && pip install --no-cache-dir -c constraints.txt \
      --group service --group exports --group api --group client
COPY service service
COPY api api
COPY examples examples
RUN useradd --create-home --uid 1000 kbfgs && mkdir -p /var/lib/kbfgs/storage \
 && chown -R kbfgs /var/lib/kbfgs
USER kbfgs
ENV KBFGS_HOME=/var/lib/kbfgs
