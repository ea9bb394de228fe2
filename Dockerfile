# tfnoise on any system that runs containers:
#   docker build -t tfnoise .
#   docker run --rm -it -v "$PWD:/data" tfnoise bin/train --help
# The current folder is /data in the container.
FROM python:3.11-slim
WORKDIR /tfnoise
# The soundfile wheel has libsndfile, so no system package is needed.
COPY . .
RUN pip install --no-cache-dir -e .
CMD ["bash"]
