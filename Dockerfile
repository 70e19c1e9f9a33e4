# syntax=docker/dockerfile:1
# One image for all processes: the command says which one a container runs.
#   docker build --tag clearway .
#   docker run --rm --publish 8000:8000 --env GATEWAY_HOST=0.0.0.0 clearway
ARG NODE_VERSION=24.21.0

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /app
COPY . .
# the pinned Node and the embedded PostgreSQL are optional dependencies: an image needs neither
RUN --mount=type=cache,target=/root/.npm npm ci --omit=optional && npm run build
RUN --mount=type=cache,target=/root/.npm npm prune --omit=dev --omit=optional \
    && find . -path ./node_modules -prune -o -name test -type d -print0 | xargs -0 rm -rf

FROM node:${NODE_VERSION}-bookworm-slim
ARG CLEARWAY_COMMIT=unknown
ENV NODE_ENV=production DATA_DIRECTORY=/data UPLOAD_DIRECTORY=/data/uploads CLEARWAY_COMMIT=${CLEARWAY_COMMIT}
WORKDIR /app
COPY --from=build /app ./
RUN install --directory --owner=node --group=node /data
VOLUME /data
USER node
EXPOSE 8000 8001 8002
CMD ["node", "--max-semi-space-size=64", "backend/api-gateway/dist/index.js"]
