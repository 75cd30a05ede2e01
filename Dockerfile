# Built with everything, run with what production needs alone.
FROM node:24-slim AS build
WORKDIR /slipway
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=optional
COPY tsconfig.json tsconfig.build.json nest-cli.json prisma.config.ts require-node.mjs ./
COPY prisma prisma
COPY src src
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /slipway
COPY package.json package-lock.json .npmrc ./
# The optional packages are the embedded Postgres and a Node for machines without one: neither has a place in an image.
RUN npm ci --omit=dev --omit=optional

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /slipway
COPY package.json require-node.mjs ./
COPY prisma/migrations prisma/migrations
COPY --from=dependencies /slipway/node_modules node_modules
COPY --from=build /slipway/dist dist
USER node
EXPOSE 3000
# The API. A worker is the same image with the command `node dist/worker.js`.
CMD ["node", "dist/main.js"]
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT ?? 3000}/readyz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
