'use strict';
module.exports = {named: 1, list: [1]};
