# JupyterLab with the course's notebooks: for Docker, dev containers, Binder and JupyterHub.
# PyTorch is Debian's own, with what it needs, and for CPUs: pip's brings gigabytes for GPUs. All else
# is pip's, in the versions that the course is tested with.
FROM debian:13-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        libopenblas0-pthread python3-torch python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --shell /bin/bash --uid 1000 learner

USER 1000
ENV HOME=/home/learner PATH=/home/learner/.venv/bin:$PATH
WORKDIR /home/learner/course
COPY --chown=1000:1000 . .
RUN python3 -m venv --system-site-packages ~/.venv \
    && sed -E 's/^torch==.*/torch==2.6.0+debian/; /^(networkx|numpy|sympy)==/d' \
        requirements.txt > ~/constraints.txt \
    && pip install --no-cache-dir --constraint ~/constraints.txt jupyterlab --editable . \
    && jupyter labextension disable @jupyterlab/apputils-extension:announcements \
    && rm ~/constraints.txt

EXPOSE 8888
HEALTHCHECK --start-period=30s CMD \
    ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8888/api', timeout=5)"]
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser"]
