# The course in a container:  docker build -t jax-course . && docker run --rm -it -p 8888:8888 jax-course
# Then open the address that begins with http://127.0.0.1:8888/. What is installed stands in pyproject.toml, at the versions of constraints.txt.

# Where .devcontainer stops: it builds the environment in its own copy of the course.
FROM python:3.13-slim AS tools
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --shell /bin/bash student
USER student

FROM tools
RUN mkdir /home/student/course
WORKDIR /home/student/course
COPY --chown=student . .
RUN make env
EXPOSE 8888
CMD ["make", "lab", "LAB=--ip=0.0.0.0"]
