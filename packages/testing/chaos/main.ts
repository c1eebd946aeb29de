console.log('There is no chaos yet.');
