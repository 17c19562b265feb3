// Prepares and finishes an npm project for terok-npm.
//
//   prepare LOCK CONF CA DIR NPMRC   writes DIR/package.json and
//       DIR/package-lock.json, in which every package gets its address from the
//       configuration, and NPMRC with credentials and certificates
//   finish LOCK DIR                  takes the addresses out again and prints how
//       many packages there are
'use strict';
const fs = require('fs');
const path = require('path');

// settings reads the configuration that terok-fetch describes.
function settings(file) {
    const conf = { registry: '', mirrors: [], headers: [] };
    if (!fs.existsSync(file)) return conf;
    for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
        const [key, word, ...rest] = line.trim().split(/\s+/);
        if (key === 'npm') conf.registry = word.replace(/\/*$/, '/');
        if (key === 'mirror') conf.mirrors.push({ from: word, to: rest[0] });
        if (key === 'header') conf.headers.push({ prefix: word, text: rest.join(' ') });
    }
    conf.mirrors.sort((a, b) => b.from.length - a.from.length);
    return conf;
}

function address(conf, name, version) {
    const url = `${conf.registry}${name}/-/${path.posix.basename(name)}-${version}.tgz`;
    const rule = conf.mirrors.find((m) => url.startsWith(m.from));
    return rule ? rule.to + url.slice(rule.from.length) : url;
}

// credentials are bound to a place, without its scheme.
function credentials(conf) {
    const lines = new Set();
    for (const { prefix, text } of conf.headers) {
        const place = prefix.replace(/^https?:/, '').replace(/\/*$/, '/');
        const [, kind, value] = /^Authorization: (Bearer|Basic) (\S+)$/i.exec(text) || [];
        if (/^bearer$/i.test(kind)) lines.add(`${place}:_authToken=${value}`);
        if (/^basic$/i.test(kind)) lines.add(`${place}:_auth=${value}`);
    }
    return [...lines];
}

function write(file, value) {
    fs.writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

function prepare(lockFile, confFile, caFile, dir, rcFile) {
    const conf = settings(confFile);
    const lock = JSON.parse(fs.readFileSync(lockFile, 'utf8'));
    for (const [where, pkg] of Object.entries(lock.packages)) {
        if (where === '' || pkg.inBundle) continue;
        if (!/^sha512-/.test(pkg.integrity || '')) throw new Error(`${where} has no sha512`);
        // Without a configuration npm goes where it would go by itself.
        if (conf.registry) pkg.resolved = address(conf, pkg.name || where.split('node_modules/').pop(), pkg.version);
    }
    const root = lock.packages[''];
    write(path.join(dir, 'package.json'), { name: root.name, private: true, dependencies: root.dependencies });
    write(path.join(dir, 'package-lock.json'), lock);
    const rc = credentials(conf);
    if (conf.registry) rc.push(`registry=${conf.registry}`);
    if (fs.existsSync(caFile)) rc.push(`cafile=${caFile}`);
    fs.writeFileSync(rcFile, `${rc.join('\n')}\n`, { mode: 0o600 });
}

function finish(lockFile, dir) {
    fs.copyFileSync(lockFile, path.join(dir, 'package-lock.json'));
    const hidden = path.join(dir, 'node_modules', '.package-lock.json');
    const lock = JSON.parse(fs.readFileSync(hidden, 'utf8'));
    for (const pkg of Object.values(lock.packages)) delete pkg.resolved;
    write(hidden, lock);
    console.log(Object.keys(lock.packages).length);
}

try {
    const [verb, ...args] = process.argv.slice(2);
    ({ prepare, finish })[verb](...args);
} catch (e) {
    console.error(e.message);
    process.exit(1);
}
