# tfnoise on any system that runs containers, whatever its Python:
#   docker build -t tfnoise .
#   docker run --rm -it -v "$PWD:/data" tfnoise bin/train --help
# What lies in the current folder is at /data inside.
FROM python:3.11-slim
WORKDIR /tfnoise
# The soundfile wheel brings libsndfile along, so no system package is needed.
COPY . .
RUN pip install --no-cache-dir -e .
CMD ["bash"]
